"""Confluent's client for Python against the registry of LETHE_REGISTRY.

It prints each step that was as it should be; the first that is not ends it.
"""

import json
import os
from contextlib import contextmanager

from confluent_kafka.schema_registry import (
    Metadata,
    MetadataProperties,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    SchemaRegistryError,
    ServerConfig,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

env = os.environ
topic = env["LETHE_TOPIC"]
subject = topic + "-value"
v1, v2, breaking = (Schema(env[name], "AVRO") for name in ("LETHE_V1", "LETHE_V2", "LETHE_BREAKING"))
order = json.loads(env["LETHE_ORDER"])


def client(**conf):
    conf = {name.replace("_", "."): value for name, value in conf.items()}
    return SchemaRegistryClient({"url": env["LETHE_REGISTRY"], "max.retries": 0, "cache.latest.ttl.sec": 1, **conf})


def basic(password=env["LETHE_TOKEN"]):
    return client(basic_auth_user_info="token:" + password)


def bearer():
    return client(
        bearer_auth_credentials_source="STATIC_TOKEN",
        bearer_auth_token=env["LETHE_TOKEN"],
        bearer_auth_logical_cluster="lethe",
        bearer_auth_identity_pool_id="none",
    )


def machine():
    return client(
        bearer_auth_credentials_source="OAUTHBEARER",
        bearer_auth_client_id=env["LETHE_CLIENT"],
        bearer_auth_client_secret=env["LETHE_SECRET"],
        bearer_auth_issuer_endpoint_url=env["LETHE_TOKEN_ENDPOINT"],
        bearer_auth_scope="openid",
        bearer_auth_logical_cluster="lethe",
        bearer_auth_identity_pool_id="none",
    )


@contextmanager
def step(name):
    yield
    print("step " + name, flush=True)


@contextmanager
def refused(status, code):
    try:
        yield
    except SchemaRegistryError as error:
        assert (error.http_status_code, error.error_code) == (status, code), error
    else:
        raise AssertionError("it was not refused")


def value(topic, headers=None):
    return SerializationContext(topic, MessageField.VALUE, headers)


ours = basic()
with step("register"):
    first = ours.register_schema_full_response(subject, v1)
    assert first.schema_id > 0 and first.version == 1 and first.guid, first
    assert bearer().register_schema(subject, v1, normalize_schemas=True) == first.schema_id
with step("look up"):
    found = bearer().lookup_schema(subject, v1)
    assert (found.schema_id, found.version, found.subject) == (first.schema_id, 1, subject), found
    assert bearer().get_schema(first.schema_id).schema_str == v1.schema_str
    assert bearer().get_schema_by_guid(first.guid).schema_str == v1.schema_str
    assert bearer().get_latest_version(subject).schema_id == first.schema_id
    assert bearer().get_version(subject, 1).schema.schema_str == v1.schema_str
    assert ours.get_versions(subject) == [1] and subject in ours.get_subjects()
    with refused(404, 40401):
        ours.get_latest_version("nothing")
    with refused(404, 40402):
        ours.get_version(subject, 9)
    with refused(404, 40403):
        ours.lookup_schema(subject, breaking)
    with refused(404, 40403):
        ours.get_schema(999999)
with step("serialize and deserialize"):
    message = AvroSerializer(ours, v1, conf={"auto.register.schemas": False})(order, value(topic))
    assert message[0] == 0 and int.from_bytes(message[1:5], "big") == first.schema_id
    assert AvroDeserializer(bearer())(message, value(topic)) == order
with step("the id in a header"):
    headers = []
    conf = {"auto.register.schemas": False, "schema.id.serializer": header_schema_id_serializer}
    bare = AvroSerializer(ours, v1, conf=conf)(order, value(topic, headers))
    assert AvroDeserializer(bearer())(bare, value(topic, headers)) == order
with step("register while serializing"):
    payload = AvroSerializer(ours, v1, conf={"normalize.schemas": True})(order, value(topic + "-auto"))
    assert AvroDeserializer(bearer())(payload, value(topic + "-auto")) == order
    assert ours.get_versions(topic + "-auto-value") == [1]
with step("evolve"):
    assert ours.test_compatibility(subject, v2)
    ours.register_schema(subject, v2)
    assert ours.get_versions(subject) == [1, 2]
    # What the old version wrote is read with the new one.
    assert AvroDeserializer(bearer(), v2)(message, value(topic)) == {**order, "note": ""}
with step("refuse what is incompatible"):
    assert not ours.test_compatibility(subject, breaking)
    with refused(409, 409):
        ours.register_schema(subject, breaking)
    with refused(422, 42201):
        ours.register_schema(subject, Schema('{"type":"recrd"}', "AVRO"))
with step("references"):
    orders = Schema('{"type":"array","items":"shop.Order"}', "AVRO", [SchemaReference("shop.Order", subject, 1)])
    payload = AvroSerializer(ours, orders)([order], value(topic + "-list"))
    assert AvroDeserializer(bearer())(payload, value(topic + "-list")) == [order]
with step("JSON Schema"):
    at = topic + "-json"
    serializer = JSONSerializer(env["LETHE_JSON"], ours)
    payload = serializer({"id": "A-1", "total": 1999}, value(at))
    read = JSONDeserializer(None, schema_registry_client=bearer())(payload, value(at))
    assert read == {"id": "A-1", "total": 1999}, read
    assert bearer().get_latest_version(at + "-value").schema.schema_type == "JSON"
    try:
        serializer({"id": 7}, value(at))
    except SerializationError:
        pass
    else:
        raise AssertionError("it was not refused")
    with refused(409, 409):
        ours.register_schema(at + "-value", Schema(env["LETHE_JSON_BREAKING"], "JSON"))
with step("metadata"):
    tagged = Schema(v1.schema_str, "AVRO", metadata=Metadata(None, MetadataProperties({"team": "shop"}), None))
    ours.register_schema(topic + "-meta", tagged)
    assert ours.get_latest_with_metadata(topic + "-meta", {"team": "shop"}).version == 1
with step("configure"):
    ours.set_compatibility(subject, "NONE")
    assert ours.get_compatibility(subject) == "NONE"
    ours.set_config(subject, ServerConfig(compatibility_group="major"))
    assert ours.get_config(subject).compatibility_group == "major"
with step("delete"):
    assert ours.delete_subject(topic + "-meta") == [1]
    assert ours.delete_subject(topic + "-meta", permanent=True) == [1]
    assert ours.delete_version(subject, 2) == 2
with step("sign in as a machine"):
    assert subject in machine().get_subjects()
    with refused(401, 401):
        basic("wrong").get_subjects()
with step("sign in with an API key"):
    assert basic(env["LETHE_API_KEY"]).register_schema(topic + "-key-value", v1) > 0

shared = AvroSerializer(ours, v1)(order, value(env["LETHE_SHARED"]))
print("message " + shared.hex())
