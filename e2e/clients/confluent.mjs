// Confluent's client for JavaScript against the registry of LETHE_REGISTRY. It
// prints each step that was as it should be; the first that is not ends it.
import assert from 'node:assert/strict'
import registry from '@confluentinc/schemaregistry'

const {
  AvroDeserializer, AvroSerializer, HeaderSchemaIdSerializer, JsonDeserializer, JsonSerializer,
  RestError, SchemaRegistryClient, SerdeType,
} = registry
const { LETHE_REGISTRY, LETHE_TOKEN, LETHE_TOKEN_ENDPOINT, LETHE_CLIENT, LETHE_SECRET, LETHE_TOPIC, LETHE_SHARED } = process.env
const v1 = { schema: process.env.LETHE_V1 }
const v2 = { schema: process.env.LETHE_V2 }
const breaking = { schema: process.env.LETHE_BREAKING }
const order = JSON.parse(process.env.LETHE_ORDER)
const subject = `${LETHE_TOPIC}-value`

const base = { baseURLs: [LETHE_REGISTRY], cacheLatestTtlSecs: 1, maxRetries: 0 }
const client = new SchemaRegistryClient({ ...base, basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: `token:${LETHE_TOKEN}` } })
const other = () => new SchemaRegistryClient({ ...base, bearerAuthCredentials: { credentialsSource: 'STATIC_TOKEN', token: LETHE_TOKEN, logicalCluster: 'lethe', identityPoolId: 'none' } })
const machine = new SchemaRegistryClient({ ...base, bearerAuthCredentials: {
  credentialsSource: 'OAUTHBEARER', clientId: LETHE_CLIENT, clientSecret: LETHE_SECRET, issuerEndpointUrl: LETHE_TOKEN_ENDPOINT, scope: 'openid', logicalCluster: 'lethe', identityPoolId: 'none',
} })

async function step (name, does) {
  await does()
  console.log(`step ${name}`)
}

async function refused (promise, status, code) {
  const error = await promise.then(() => assert.fail('it was not refused'), (e) => e)
  assert.ok(error instanceof RestError, `${error}`)
  assert.deepEqual([error.status, error.errorCode], [status, code])
}

let first
await step('register', async () => {
  first = await client.registerFullResponse(subject, v1)
  assert.ok(first.id > 0)
  assert.equal(first.version, 1)
  assert.equal(await other().register(subject, v1), first.id)
})
await step('look up', async () => {
  assert.equal(await other().getId(subject, v1), first.id)
  assert.equal(await other().getVersion(subject, v1), 1)
  assert.equal((await other().getBySubjectAndId(subject, first.id)).schema, v1.schema)
  assert.equal((await other().getByGuid(first.guid)).schema, v1.schema)
  assert.deepEqual(await client.getAllVersions(subject), [1])
  assert.ok((await client.getAllSubjects()).includes(subject))
  await refused(client.getLatestSchemaMetadata('nothing'), 404, 40401)
  await refused(client.getSchemaMetadata(subject, 9), 404, 40402)
  await refused(client.getId(subject, breaking), 404, 40403)
})
let message
await step('serialize and deserialize', async () => {
  message = await new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true }).serialize(LETHE_TOPIC, order)
  assert.equal(message.readInt8(0), 0)
  assert.equal(message.readInt32BE(1), first.id)
  assert.deepEqual({ ...await new AvroDeserializer(other(), SerdeType.VALUE, {}).deserialize(LETHE_TOPIC, message) }, order)
})
await step('the id in a header', async () => {
  const headers = {}
  const bare = await new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true, schemaIdSerializer: HeaderSchemaIdSerializer }).serialize(LETHE_TOPIC, order, headers)
  assert.deepEqual({ ...await new AvroDeserializer(other(), SerdeType.VALUE, {}).deserialize(LETHE_TOPIC, bare, headers) }, order)
})
await step('register while serializing', async () => {
  const auto = new AvroSerializer(client, SerdeType.VALUE, { autoRegisterSchemas: true, normalizeSchemas: true })
  const payload = await auto.serialize(`${LETHE_TOPIC}-auto`, { id: 'x', total: 7 })
  assert.equal(JSON.stringify(await new AvroDeserializer(other(), SerdeType.VALUE, {}).deserialize(`${LETHE_TOPIC}-auto`, payload)), '{"id":"x","total":7}')
})
await step('evolve', async () => {
  assert.equal(await client.testSubjectCompatibility(subject, v2), true)
  const second = await client.registerFullResponse(subject, v2)
  assert.equal(second.version, 2)
  // What the old version wrote is read with the new one.
  const read = await new AvroDeserializer(other(), SerdeType.VALUE, { useLatestVersion: true }).deserialize(LETHE_TOPIC, message)
  assert.deepEqual({ ...read }, { ...order, note: '' })
})
await step('refuse what is incompatible', async () => {
  assert.equal(await client.testCompatibility(subject, 2, breaking), false)
  await refused(client.register(subject, breaking), 409, 409)
  await refused(client.register(subject, { schema: '{"type":"recrd"}' }), 422, 42201)
})
await step('references', async () => {
  const list = { schema: '{"type":"array","items":"shop.Order"}', references: [{ name: 'shop.Order', subject, version: 1 }] }
  await client.register(`${LETHE_TOPIC}-list-value`, list)
  const payload = await new AvroSerializer(other(), SerdeType.VALUE, { useLatestVersion: true }).serialize(`${LETHE_TOPIC}-list`, [order])
  const read = await new AvroDeserializer(other(), SerdeType.VALUE, {}).deserialize(`${LETHE_TOPIC}-list`, payload)
  assert.deepEqual(read.map((one) => ({ ...one })), [order])
})
await step('JSON Schema', async () => {
  const topic = `${LETHE_TOPIC}-json`
  const made = await client.registerFullResponse(`${topic}-value`, { schemaType: 'JSON', schema: process.env.LETHE_JSON })
  assert.equal((await other().getBySubjectAndId(`${topic}-value`, made.id)).schemaType, 'JSON')
  const serializer = new JsonSerializer(other(), SerdeType.VALUE, { useLatestVersion: true, validate: true })
  const payload = await serializer.serialize(topic, { id: 'A-1', total: 1999 })
  assert.equal(payload.readInt32BE(1), made.id)
  assert.deepEqual(await new JsonDeserializer(other(), SerdeType.VALUE, {}).deserialize(topic, payload), { id: 'A-1', total: 1999 })
  await assert.rejects(serializer.serialize(topic, { id: 7 }))
  await refused(client.register(`${topic}-value`, { schemaType: 'JSON', schema: process.env.LETHE_JSON_BREAKING }), 409, 409)
})
await step('metadata', async () => {
  await client.register(`${LETHE_TOPIC}-meta`, { ...v1, metadata: { properties: { team: 'shop' } } })
  assert.equal((await client.getLatestWithMetadata(`${LETHE_TOPIC}-meta`, { team: 'shop' })).version, 1)
})
await step('configure', async () => {
  await client.updateConfig(subject, { compatibility: 'NONE' })
  assert.equal((await client.getConfig(subject)).compatibilityLevel, 'NONE')
  assert.equal(await client.getDefaultCompatibility(), 'BACKWARD')
})
await step('delete', async () => {
  assert.deepEqual(await client.deleteSubject(`${LETHE_TOPIC}-meta`), [1])
  assert.deepEqual(await client.deleteSubject(`${LETHE_TOPIC}-meta`, true), [1])
})
await step('sign in as a machine', async () => {
  assert.ok((await machine.getAllSubjects()).includes(subject))
  const stranger = new SchemaRegistryClient({ ...base, basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: 'token:wrong' } })
  await refused(stranger.getAllSubjects(), 401, 401)
})
await step('sign in with an API key', async () => {
  const keyed = new SchemaRegistryClient({ ...base, basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: `key:${process.env.LETHE_API_KEY}` } })
  assert.ok(await keyed.register(`${LETHE_TOPIC}-key-value`, v1) > 0)
  await refused(keyed.updateConfig(`${LETHE_TOPIC}-key-value`, { compatibility: 'NONE' }), 403, 40301)
})
await client.register(`${LETHE_SHARED}-value`, v1)
const shared = await new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true }).serialize(LETHE_SHARED, order)
console.log(`message ${shared.toString('hex')}`)
