"""How every Kafka client of this package connects, and the topics it needs."""

import asyncio
import random
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from openride_analytics.errors import Retryable
from openride_analytics.settings import Kafka as KafkaSettings
from openride_analytics.settings import Settings

# Room for key, headers and framing around a value of INGEST_MAX_MESSAGE_BYTES, twice for the dead-letter
# topic: what the source topic took, with our headers on top, must never be too big to be dead-lettered.
ENVELOPE_BYTES = 64 * 1024

REQUEST_TIMEOUT_MS = 10_000
CREATE_TIMEOUT = 20.0  # seconds


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that any aiokafka client takes: where the brokers are and how to speak to them.

    Raises Retryable for files of KAFKA_SSL_* that cannot be used, as while they are replaced.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "metadata_max_age_ms": 30_000,
    }
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = _tls(kafka)
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = (
            kafka.sasl_password.reveal() if kafka.sasl_password is not None else None
        )
    return options


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    name = "KAFKA_SSL_CAFILE"
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
        if kafka.ssl_certfile is not None:
            name = "KAFKA_SSL_CERTFILE with its key"
            # Without any password OpenSSL would ask for one at the terminal, and all would wait for the answer.
            password = kafka.ssl_password.reveal() if kafka.ssl_password is not None else ""
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, password)
    except OSError as error:  # an SSLError is one
        why = getattr(error, "reason", None) or error.strerror
        raise Retryable("kafka", f"{name} cannot be used: {why}") from None
    return context


@contextmanager
def translated(problem: str) -> Iterator[None]:
    """Whatever Kafka's clients raise within is raised as Retryable: the problem, and the kind of error."""
    try:
        yield
    except (KafkaError, TimeoutError, OSError, UnicodeDecodeError) as error:  # the last: of a header's name
        raise Retryable("kafka", f"{problem}: {type(error).__name__}") from error


async def send(
    producer: AIOKafkaProducer,
    topic: str,
    value: bytes | None,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    partition: int | None = None,
) -> "asyncio.Future[Any]":
    """As the producer's own, which refuses a message that has neither key nor value; Kafka does not. What is returned
    waits for the acknowledgement."""
    sending: asyncio.Future[Any]
    if key is not None or value is not None:
        sending = await producer.send(topic, value, key, partition=partition, headers=headers)
    else:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None, headers=headers)
        if partition is None:
            partition = random.choice(sorted(await producer.partitions_for(topic)))
        sending = await producer.send_batch(batch, topic, partition=partition)
    return sending


async def create_topics(settings: Settings) -> None:
    """Create the topics that are missing; in production somebody else does. Raises Retryable."""
    if settings.app.env == "production":
        return
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    try:
        with translated("topics could not be created"):
            async with asyncio.timeout(CREATE_TIMEOUT):
                await admin.start()
                known = set(await admin.list_topics())
                missing = [topic for topic in _wanted(settings) if topic.name not in known]
                if missing:
                    await _create(admin, missing)
    finally:
        await admin.close()


def _wanted(settings: Settings) -> list[NewTopic]:
    kafka, limit = settings.kafka, settings.ingest.max_message_bytes

    def topic(name: str, partitions: int, max_bytes: int) -> NewTopic:
        return NewTopic(
            name, partitions, kafka.topic_replication, topic_configs={"max.message.bytes": str(max_bytes)}
        )

    events = [
        topic(name, kafka.topic_partitions, limit + ENVELOPE_BYTES) for name in kafka.topics.events().values()
    ]
    return [*events, topic(kafka.topics.dlq, kafka.topic_partitions, limit + 2 * ENVELOPE_BYTES)]


async def _create(admin: AIOKafkaAdminClient, missing: list[NewTopic]) -> None:
    cluster = await admin.describe_cluster()
    if cluster["controller_id"] < 0:
        # The embedded broker has no controller and no CreateTopics: it makes a topic when asked about it.
        await admin.describe_topics([topic.name for topic in missing])
        return
    response = await admin.create_topics(missing)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if error not in (NoError, TopicAlreadyExistsError):  # a replica may have been quicker
            raise error(name)
