"""Kafka to ClickHouse, each message once.

The way of a batch (`partition.py` walks it): records of one topic-partition are decoded, checked and
turned into columns; the bad ones are dead-lettered; an *intent* (which offsets, decoded when) goes into
Kafka's commit metadata; the rows go to ClickHouse under a token that names the offsets; the offset is
committed past them. Whoever takes the partition over after a crash finds the intent, fetches exactly
those offsets again and inserts them under the same token, which ClickHouse recognizes.
"""
