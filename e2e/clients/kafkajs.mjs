// kafkajs's client for JavaScript against the registry of LETHE_REGISTRY. It
// signs in with HTTP Basic alone. It prints each step that was as it should be;
// the first that is not ends it.
import assert from 'node:assert/strict'
import registry from '@kafkajs/confluent-schema-registry'

const { COMPATIBILITY, SchemaRegistry, SchemaType } = registry
const { LETHE_REGISTRY, LETHE_TOKEN, LETHE_TOPIC, LETHE_SHARED } = process.env
const schema = (text) => ({ type: SchemaType.AVRO, schema: text })
const v1 = schema(process.env.LETHE_V1)
const v2 = schema(process.env.LETHE_V2)
const breaking = schema(process.env.LETHE_BREAKING)
const order = JSON.parse(process.env.LETHE_ORDER)
const subject = `${LETHE_TOPIC}-value`

const open = (password) => new SchemaRegistry({ host: LETHE_REGISTRY, auth: { username: 'token', password }, retry: { retries: 0 } })
const client = open(LETHE_TOKEN)

async function step (name, does) {
  await does()
  console.log(`step ${name}`)
}

async function refused (promise, name, status) {
  const error = await promise.then(() => assert.fail('it was not refused'), (e) => e)
  assert.deepEqual([error.name, error.status], [name, status], `${error}`)
}

let id
await step('register', async () => {
  ({ id } = await client.register(v1, { subject }))
  assert.ok(id > 0)
  assert.equal((await open(LETHE_TOKEN).register(v1, { subject, compatibility: COMPATIBILITY.BACKWARD })).id, id)
})
await step('look up', async () => {
  const other = open(LETHE_TOKEN)
  assert.equal(await other.getRegistryId(subject, 1), id)
  assert.equal(await other.getRegistryIdBySchema(subject, v1), id)
  assert.equal(await other.getLatestSchemaId(subject), id)
  await refused(other.getLatestSchemaId('nothing'), 'ResponseError', 404)
})
let message
await step('serialize and deserialize', async () => {
  message = await client.encode(id, order)
  assert.equal(message.readInt8(0), 0)
  assert.equal(message.readInt32BE(1), id)
  assert.deepEqual({ ...await open(LETHE_TOKEN).decode(message) }, order)
})
await step('evolve', async () => {
  const second = await client.register(v2, { subject })
  assert.ok(second.id > id)
  const reader = JSON.parse(v2.schema)
  assert.deepEqual({ ...await open(LETHE_TOKEN).decode(message, { [SchemaType.AVRO]: { readerSchema: reader } }) }, { ...order, note: '' })
})
await step('refuse what is incompatible', async () => {
  await refused(client.register(breaking, { subject }), 'ResponseError', 409)
  await refused(client.register(v2, { subject, compatibility: COMPATIBILITY.FULL }), 'ConfluentSchemaRegistryCompatibilityError', undefined)
})
await step('references', async () => {
  const list = { type: SchemaType.AVRO, schema: '{"type":"record","name":"List","namespace":"shop","fields":[{"name":"orders","type":{"type":"array","items":"shop.Order"}}]}', references: [{ name: 'shop.Order', subject, version: 1 }] }
  const made = await client.register(list, { subject: `${LETHE_TOPIC}-list-value` })
  const read = await open(LETHE_TOKEN).decode(await client.encode(made.id, { orders: [order] }))
  assert.deepEqual(read.orders.map((one) => ({ ...one })), [order])
})
await step('JSON Schema', async () => {
  const subject = `${LETHE_TOPIC}-json-value`
  const made = await client.register({ type: SchemaType.JSON, schema: process.env.LETHE_JSON }, { subject })
  const payload = await client.encode(made.id, { id: 'A-1', total: 1999 })
  assert.deepEqual(await open(LETHE_TOKEN).decode(payload), { id: 'A-1', total: 1999 })
  await assert.rejects(client.encode(made.id, { id: 7 }), { name: 'ConfluentSchemaRegistryValidationError' })
  await refused(client.register({ type: SchemaType.JSON, schema: process.env.LETHE_JSON_BREAKING }, { subject }), 'ResponseError', 409)
})
await step('sign in', async () => {
  await refused(open('wrong').getLatestSchemaId(subject), 'ResponseError', 401)
})
await step('sign in with an API key', async () => {
  const keyed = open(process.env.LETHE_API_KEY)
  assert.ok((await keyed.register(v1, { subject: `${LETHE_TOPIC}-key-value`, updateConfig: false })).id > 0)
})
const shared = await client.register(v1, { subject: `${LETHE_SHARED}-value` })
console.log(`message ${(await client.encode(shared.id, order)).toString('hex')}`)
