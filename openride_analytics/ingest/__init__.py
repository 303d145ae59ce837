"""Kafka to ClickHouse, each message once.

The way of a batch (`topic.py` walks it): `consumer.py` fetches, `partition.py` collects, `intake.py` says when
a batch of a topic's partitions is due; `builder.py` decodes its messages, checks them and turns them into columns of
bytes, in a thread, while the batch before is stored; the bad ones are dead-lettered; an *intent* (which
offsets, decoded when) goes into Kafka's commit metadata; the rows go to ClickHouse under a token that names the
offsets; the offsets are committed past them. Whoever takes a partition over after a crash (`recovery.py`)
finds the intent, fetches exactly those offsets again and inserts them under the same token, which ClickHouse knows
again.
"""
