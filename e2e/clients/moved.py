"""Confluent's client for Python while the registry behind it changes.

`write` registers with LETHE_REGISTRY and prints a message of each format; `read`
finds these messages, which LETHE_MESSAGES has, readable with another registry,
and writes them again, registering nothing: to the byte.
"""

import json
import os
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

env = os.environ
order = json.loads(env["LETHE_ORDER"])
client = SchemaRegistryClient({"url": env["LETHE_REGISTRY"], "basic.auth.user.info": "token:" + env["LETHE_TOKEN"], "max.retries": 0})


def bill():
    """The class of a message that imports another, as protoc would make it."""
    F, pool = descriptor_pb2.FieldDescriptorProto, descriptor_pool.DescriptorPool()
    money = descriptor_pb2.FileDescriptorProto(name="python/money.proto", package="shop", syntax="proto3")
    money.message_type.add(name="Money").field.add(name="cents", number=1, type=F.TYPE_INT64, label=F.LABEL_OPTIONAL)
    pool.Add(money)
    file = descriptor_pb2.FileDescriptorProto(name="python/bill.proto", package="shop", syntax="proto3", dependency=[money.name])
    file.message_type.add(name="Bill").field.add(name="total", number=1, type=F.TYPE_MESSAGE, type_name=".shop.Money", label=F.LABEL_OPTIONAL)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Bill"))


Bill = bill()
a_bill = Bill()
a_bill.total.cents = 1999
plain = {"use.deprecated.format": False}


def formats(conf):
    """Of each format a value, what writes it and what reads it."""
    return {
        "avro": (order, AvroSerializer(client, env["LETHE_V1"], conf=conf), AvroDeserializer(client)),
        "json": ({"id": "A-1", "total": 1999}, JSONSerializer(env["LETHE_JSON"], client, conf=conf), JSONDeserializer(env["LETHE_JSON"], schema_registry_client=client)),
        "protobuf": (a_bill, ProtobufSerializer(Bill, client, {**plain, **conf}), ProtobufDeserializer(Bill, plain, client)),
    }


def value(name):
    return SerializationContext("python-" + name, MessageField.VALUE)


if sys.argv[1] == "write":
    messages = {name: writer(what, value(name)).hex() for name, (what, writer, _) in formats({}).items()}
    print(json.dumps(messages))
else:
    messages = json.loads(env["LETHE_MESSAGES"])
    for name, (what, writer, reader) in formats({"auto.register.schemas": False}).items():
        message = bytes.fromhex(messages[name])
        assert reader(message, value(name)) == what, name
        assert writer(what, value(name)) == message, name
    print("read", *messages)
