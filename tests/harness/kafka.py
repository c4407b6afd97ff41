"""Makes topics of Kafka, and reads them from end to end, by librdkafka: ADDR CA|- make|read TOPIC...

What is read is said as JSON, a record a line.
"""

import json
import sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

# Seconds that an answer may take; after which nothing more is there.
PATIENCE = 20
QUIET = 3

addr, ca, verb, *topics = sys.argv[1:]
common = {"bootstrap.servers": addr}
if ca != "-":
    common |= {"security.protocol": "SSL", "ssl.ca.location": ca}

if verb == "make":
    admin = AdminClient(common)
    made = admin.create_topics([NewTopic(topic, 3, 1) for topic in topics])
    for done in made.values():
        done.result(PATIENCE)
    sys.exit(0)

consumer = Consumer({**common, "group.id": "reader", "enable.auto.commit": False, "check.crcs": True})
(topic,) = topics
known = consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
consumer.assign([TopicPartition(topic, partition, 0) for partition in known])
# The broker calls the last batch's beginning a partition's end, so that the end is where nothing follows.
while (record := consumer.poll(QUIET)) is not None:
    if record.error():
        sys.exit(f"{topic}: {record.error()}")
    told = {"partition": record.partition(), "at": record.timestamp()[1], "value": record.value().decode()}
    print(json.dumps(told))
