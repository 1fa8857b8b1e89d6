"""Confluent's client for Python with Protobuf, against LETHE_REGISTRY.

It sends descriptors, as it has no parser. It prints each step that was as it
should be; the first that is not ends it.
"""

import os
from contextlib import contextmanager

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError, SchemaReference
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

topic = os.environ["LETHE_TOPIC"]
subject = topic + "-value"
conf = {"url": os.environ["LETHE_REGISTRY"], "basic.auth.user.info": "token:" + os.environ["LETHE_TOKEN"], "max.retries": 0}
client = SchemaRegistryClient(conf)
looker = SchemaRegistryClient(conf)  # a client remembers texts and descriptors under one key
F = descriptor_pb2.FieldDescriptorProto


def field(name, number, kind, type_name=None, label=F.LABEL_OPTIONAL):
    return F(name=name, number=number, type=kind, type_name=type_name, label=label)


def message(total=F.TYPE_INT64):
    """The class of a message that imports others, as protoc would make it."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    money = descriptor_pb2.FileDescriptorProto(name=topic + "/money.proto", package="shop", syntax="proto3")
    money.message_type.add(name="Money").field.append(field("currency", 1, F.TYPE_STRING))
    pool.Add(money)
    order = descriptor_pb2.FileDescriptorProto(name=topic + "/order.proto", package="shop", syntax="proto3")
    order.dependency.extend(["google/protobuf/timestamp.proto", money.name])
    order.message_type.add(name="Unused")
    made = order.message_type.add(name="Order")
    made.field.extend(
        [
            field("id", 1, F.TYPE_STRING),
            field("price", 2, F.TYPE_MESSAGE, ".shop.Money"),
            field("at", 3, F.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
            field("counts", 4, F.TYPE_MESSAGE, ".shop.Order.CountsEntry", F.LABEL_REPEATED),
            field("total", 5, total),
        ]
    )
    entry = made.nested_type.add(name="CountsEntry")
    entry.options.map_entry = True
    entry.field.extend([field("key", 1, F.TYPE_STRING), field("value", 2, F.TYPE_INT32)])
    pool.Add(order)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


@contextmanager
def step(name):
    yield
    print("step " + name, flush=True)


def order(cls, total=1999):
    o = cls(id="A-1", total=total)
    o.price.currency = "EUR"
    o.at.seconds = 12
    o.counts["pears"] = 3
    return o


value = SerializationContext(topic, MessageField.VALUE)
Order = message()
with step("register while serializing"):
    written = ProtobufSerializer(Order, client, {"use.deprecated.format": False})(order(Order), value)
    latest = looker.get_latest_version(subject)
    assert written[0] == 0 and int.from_bytes(written[1:5], "big") == latest.schema_id, written
    assert written[5:7] == b"\x02\x02", written  # one number, zigzag: the second message
    assert [r.name for r in latest.schema.references] == [topic + "/money.proto"], latest.schema.references
    assert "map<string, int32> counts = 4;" in latest.schema.schema_str, latest.schema.schema_str
with step("deserialize"):
    read = ProtobufDeserializer(Order, {"use.deprecated.format": False}, client)(written, value)
    assert read == order(Order), read
with step("find what is registered"):
    conf = {"use.deprecated.format": False, "auto.register.schemas": False}
    assert ProtobufSerializer(Order, client, conf)(order(Order), value) == written
with step("find it as a text"):
    money = [SchemaReference(topic + "/money.proto", topic + "/money.proto", 1)]
    text = 'syntax="proto3"; package shop; import "google/protobuf/timestamp.proto"; import "%s/money.proto"; message Unused {}' % topic
    text += "message Order { string id = 1; Money price = 2; google.protobuf.Timestamp at = 3; map<string, int32> counts = 4; int64 total = 5; }"
    assert looker.lookup_schema(subject, Schema(text, "PROTOBUF", money)).schema_id == latest.schema_id
with step("evolve"):
    Wider = message(F.TYPE_UINT64)
    assert ProtobufSerializer(Wider, client, {"use.deprecated.format": False})(order(Wider), value)
    assert looker.get_versions(subject) == [1, 2]
    assert ProtobufDeserializer(Wider, {"use.deprecated.format": False}, client)(written, value).total == 1999
with step("refuse what is incompatible"):
    Broken = message(F.TYPE_STRING)
    try:
        ProtobufSerializer(Broken, client, {"use.deprecated.format": False})(order(Broken, "x"), value)
    except Exception as error:  # the serializer wraps what the client raises
        cause = error if isinstance(error, SchemaRegistryError) else error.__cause__ or error
        assert "FIELD_SCALAR_KIND_CHANGED" in str(cause), cause
    else:
        raise AssertionError("it was not refused")
