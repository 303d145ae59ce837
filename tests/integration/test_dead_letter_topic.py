"""Dead letters sent back to where they came from."""

from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.ingest.dead_letter_topic import read, send_back
from openride_analytics.settings import Topics, load
from tests.support.kafka import Message, create_topics, produce, read_all


async def test_one_whose_partition_is_no_more_goes_to_the_same_other_one_each_time(
    embedded_kafka: EmbeddedKafka, topics: Topics
) -> None:
    await create_topics(embedded_kafka.bootstrap, [topics.user, topics.dlq])
    told = {"reason": b"invalid_json", "topic": topics.user.encode(), "partition": b"4097", "offset": b"3"}
    headers = [(f"dlq.{name}", value) for name, value in told.items()]
    await produce(embedded_kafka.bootstrap, topics.dlq, [Message(b"{", headers=headers)])
    names = {"KAFKA_TOPIC_USER": topics.user, "KAFKA_TOPIC_DLQ": topics.dlq}
    settings = load({"KAFKA_BOOTSTRAP_SERVERS": embedded_kafka.bootstrap, **names})
    letters = [letter async for letter in read(settings)]
    for _ in range(2):
        await send_back(settings, letters)
    sent = await read_all(embedded_kafka.bootstrap, topics.user)
    assert [(record.partition, record.value) for record in sent] == [(sent[0].partition, b"{")] * 2
