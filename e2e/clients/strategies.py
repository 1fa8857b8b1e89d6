"""Confluent's client for Python names subjects by each of its strategies, for one
topic of the registry of LETHE_REGISTRY."""

import os

from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

env = os.environ
ours = SchemaRegistryClient({"url": env["LETHE_REGISTRY"], "basic.auth.user.info": "token:" + env["LETHE_TOKEN"]})


def written(record, strategy, part, value):
    """Writes a value that registers its schema, and reads it again."""
    at = SerializationContext(env["LETHE_TOPIC"], part)
    payload = AvroSerializer(ours, record, conf={"subject.name.strategy": strategy})(value, at)
    assert AvroDeserializer(ours)(payload, at) == value


PARCEL = """{"type":"record","name":"Parcel","namespace":"post","fields":[
  {"name":"number","type":"string"},{"name":"email","type":"string","confluent:tags":["user.contact.email"]}]}"""
RETURN = """{"type":"record","name":"Return","namespace":"post","fields":[{"name":"reason","type":"string"}]}"""

written('"string"', topic_subject_name_strategy, MessageField.KEY, "P-1")
print("step TopicNameStrategy", flush=True)
written(RETURN, topic_record_subject_name_strategy, MessageField.VALUE, {"reason": "too small"})
print("step TopicRecordNameStrategy", flush=True)
written(PARCEL, record_subject_name_strategy, MessageField.VALUE, {"number": "P-1", "email": "a@example.org"})
print("step RecordNameStrategy", flush=True)
