"""Is each dependency there, and how quickly does it answer? For the command `check` and for `/health`.

Every probe takes at most `limit` seconds, raises nothing (but when cancelled), and says in one line what is
wrong, without stack, SQL or secret.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, Literal, Protocol

import msgspec
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from openride_analytics.errors import OpenRideError, Retryable
from openride_analytics.kafka import client_options
from openride_analytics.settings import Kafka as KafkaSettings
from openride_analytics.settings import Settings
from openride_analytics.settings import Smtp as SmtpSettings
from openride_analytics.store import schema_check
from openride_analytics.store.clickhouse import ClickHouse, SchemaDrift
from openride_analytics.store.postgres import Postgres

LIMIT: Final = 3.0  # seconds
_FAREWELL: Final = 0.5  # seconds for a polite goodbye, also after the limit
_IMPLICIT_TLS: Final = 465

State = Literal["ok", "down", "not configured"]


class Probe(msgspec.Struct, frozen=True):
    """What was found. `latency_ms` is that of the whole question, with the new connection if it made one; `late`: it is
    `down` for no more than that no answer came in time."""

    name: str
    state: State
    latency_ms: float
    detail: str
    late: bool = False


class Pings(Protocol):
    """A Redis client, of a cluster or not."""

    def ping(self) -> Awaitable[object]: ...


class Keeps(Protocol):
    """A place for files."""

    async def usable(self) -> str: ...


async def probe(name: str, ask: Callable[[], Awaitable[str]], *, limit: float = LIMIT) -> Probe:
    """Ask; what is returned becomes the detail of an `ok`, what is raised that of a `down`."""
    begun = time.perf_counter()
    state: State = "down"
    late = False
    try:
        async with asyncio.timeout(limit):
            detail = await ask()
        state = "ok"
    except TimeoutError:
        late, detail = True, f"no answer within {limit:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a client library raises, the dependency is not usable
        detail = _why(error)
    return Probe(name, state, round((time.perf_counter() - begun) * 1000, 1), detail, late)


async def probe_clickhouse(clickhouse: ClickHouse, *, limit: float = LIMIT) -> Probe:
    """Does it answer a query?"""

    async def ask() -> str:
        try:
            answer = await clickhouse.select("SELECT version() AS version", timeout=limit, name="probe")
        except SchemaDrift:
            return f"it answers; the database {clickhouse.database} is not there"
        return f"version {answer.one()['version']}"

    return await probe("clickhouse", ask, limit=limit)


async def probe_schema(clickhouse: ClickHouse, settings: Settings, *, limit: float = LIMIT) -> Probe:
    """Is the warehouse's schema what this version was written for?"""

    async def ask() -> str:
        problems = await schema_check.check(clickhouse, settings)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise Retryable("schema", problems[0] + more)
        return "up to date"

    return await probe("schema", ask, limit=limit)


async def probe_kafka(kafka: KafkaSettings, *, limit: float = LIMIT) -> Probe:
    """Do the brokers answer, and are all our topics there? A missing one is named, and is not `down`."""

    async def ask() -> str:
        # Its own limit a little before ours: a client that is cancelled leaves its socket open.
        client = AIOKafkaClient(**client_options(kafka) | {"request_timeout_ms": int(limit * 900)})
        try:
            await client.bootstrap()
            metadata = await client.fetch_all_metadata()
            there = metadata.topics(exclude_internal_topics=False)
            brokers = len(metadata.brokers())
        except KafkaConnectionError:
            raise Retryable("kafka", f"no broker answers at {kafka.bootstrap_servers}") from None
        finally:
            await _within_farewell(client.close())
        missing = [
            topic for topic in (*kafka.topics.events().values(), kafka.topics.dlq) if topic not in there
        ]
        topics = f"topics missing: {', '.join(missing)}" if missing else "all topics there"
        return f"{brokers} broker{'s' if brokers != 1 else ''}, {topics}"

    return await probe("kafka", ask, limit=limit)


async def probe_redis(client: Pings, *, limit: float = LIMIT) -> Probe:
    """Does it answer PING?"""

    async def ask() -> str:
        if not await client.ping():
            raise Retryable("redis", "PING was not answered with PONG")
        return "PONG"

    return await probe("redis", ask, limit=limit)


async def probe_postgres(postgres: Postgres, *, limit: float = LIMIT) -> Probe:
    """Does it answer a query?"""
    if not postgres.configured:
        return Probe("postgres", "not configured", 0.0, "DATABASE_URL is not set")

    async def ask() -> str:
        (answer,) = await postgres.fetch("SHOW server_version", timeout=limit)
        return f"version {answer['server_version']}"

    return await probe("postgres", ask, limit=limit)


async def probe_files(files: Keeps, *, limit: float = LIMIT) -> Probe:
    """Can exported files be put where they are kept?"""
    return await probe("files", files.usable, limit=limit)


async def probe_smtp(smtp: SmtpSettings, *, limit: float = LIMIT) -> Probe:
    """Does it greet us, and offer TLS where SMTP_USE_TLS asks for it?"""
    host = smtp.host
    if host is None:
        return Probe("smtp", "not configured", 0.0, "SMTP_HOST is not set")

    async def ask() -> str:
        tls = smtp.use_tls and smtp.port == _IMPLICIT_TLS
        context = ssl.create_default_context(cafile=smtp.ssl_cafile) if tls else None
        reader, writer = await asyncio.open_connection(host, smtp.port, ssl=context)
        try:
            await _reply(reader, "220")
            writer.write(b"EHLO localhost\r\n")
            offers = await _reply(reader, "250")
            writer.write(b"QUIT\r\n")
        finally:
            writer.close()
            await _within_farewell(writer.wait_closed())
        if smtp.use_tls and context is None and "STARTTLS" not in (offer.upper() for offer in offers):
            raise Retryable("smtp", "SMTP_USE_TLS is set, and the server offers no STARTTLS")
        return "EHLO answered"

    return await probe("smtp", ask, limit=limit)


async def _reply(reader: asyncio.StreamReader, code: str) -> Sequence[str]:
    """The lines of one SMTP reply, without their code, which must be `code`."""
    lines: list[str] = []
    while len(lines) < 100:
        line = (await reader.readline()).decode("ascii", "replace").rstrip()
        if not line.startswith(code):
            raise Retryable("smtp", f"answered {line[:3] or 'nothing'} instead of {code}")
        lines.append(line[4:])
        if line[3:4] != "-":
            break
    return lines


async def _within_farewell(goodbye: Awaitable[object]) -> None:
    """A connection that does not close politely is as closed as one that does."""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(_FAREWELL):
            await goodbye


def _why(error: BaseException) -> str:
    """One line that is safe to show. Messages of libraries may quote a URL: their class is what we repeat."""
    if isinstance(error, Retryable):
        return error.problem
    if isinstance(error, OpenRideError):
        return str(error)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'handshake'}"
        if isinstance(cause, OSError) and cause.strerror:
            # asyncio puts the address into strerror; the number alone reads better, a resolver's is below 0
            return os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror
    return "cannot connect" if isinstance(error, OSError) else type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
