// Confluent's client for JavaScript, and kafkajs's, with Protobuf against
// LETHE_REGISTRY. It prints each step that was as it should be; the first that
// is not ends it.
import assert from 'node:assert/strict';
import { create, createFileRegistry, createRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, FieldDescriptorProto_Label, FieldDescriptorProto_Type } from '@bufbuild/protobuf/wkt';
import { ProtobufDeserializer, ProtobufSerializer, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';

const { LETHE_REGISTRY: url, LETHE_TOKEN: token, LETHE_TOPIC: topic } = process.env;
const subject = topic + '-value';
const client = () => new SchemaRegistryClient({
  baseURLs: [url], basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: 'token:' + token }, maxRetries: 0,
});
const step = async (name, does) => { await does(); console.log('step ' + name); };

// types are what protoc-gen-es would make of a file.
function types(total) {
  const field = (name, number, type) => ({ name, jsonName: name, number, type, label: FieldDescriptorProto_Label.OPTIONAL });
  const file = create(FileDescriptorProtoSchema, {
    name: topic + '/order.proto', package: 'shop', syntax: 'proto3',
    messageType: [
      { name: 'Unused' },
      { name: 'Order', field: [field('id', 1, FieldDescriptorProto_Type.STRING), field('total', 2, total)] },
    ],
  });
  const files = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const desc = files.getMessage('shop.Order');
  return { desc, registry: createRegistry(desc) };
}

const { desc, registry } = types(FieldDescriptorProto_Type.INT32);
const order = create(desc, { id: 'A-1', total: 1999 });
let written;
await step('register while serializing', async () => {
  const serializer = new ProtobufSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true, registry });
  written = await serializer.serialize(topic, order);
  const latest = await client().getLatestSchemaMetadata(subject);
  assert.equal(written.readUInt32BE(1), latest.id);
  assert.deepEqual([...written.subarray(5, 7)], [2, 2]); // one number, zigzag: the second message
  assert.match(latest.schema, /message Order \{\n  string id = 1;/);
});
await step('deserialize', async () => {
  const read = await new ProtobufDeserializer(client(), SerdeType.VALUE, {}).deserialize(topic, written);
  assert.equal(read.id, 'A-1');
  assert.equal(read.total, 1999);
});
await step('find what is registered', async () => {
  const serializer = new ProtobufSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: false, registry });
  assert.deepEqual(await serializer.serialize(topic, order), written);
});
await step('refuse what is incompatible', async () => {
  const other = types(FieldDescriptorProto_Type.STRING);
  const serializer = new ProtobufSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true, registry: other.registry });
  await assert.rejects(serializer.serialize(topic, create(other.desc, { id: 'A-1', total: 'x' })), (error) => JSON.stringify(error, Object.getOwnPropertyNames(error)).includes('FIELD_SCALAR_KIND_CHANGED'));
});
await step('kafkajs writes and reads', async () => {
  const kafkajs = new SchemaRegistry({ host: url, auth: { username: 'token', password: token } });
  const schema = 'syntax = "proto3"; package shop; message Order { string id = 1; map<string, int32> counts = 2; }';
  const { id } = await kafkajs.register({ type: SchemaType.PROTOBUF, schema }, { subject: topic + '-kafkajs' });
  const message = await kafkajs.encode(id, { id: 'A-1', counts: { pears: 3 } });
  // A second client knows nothing but what the registry gives.
  const read = await new SchemaRegistry({ host: url, auth: { username: 'token', password: token } }).decode(message);
  assert.equal(read.id, 'A-1');
  assert.equal(read.counts.pears, 3);
});
