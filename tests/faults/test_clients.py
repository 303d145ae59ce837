"""Clients that send too much, or read too slowly: they are cut short or waited for, and memory stays what it was."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.service import running
from tests.support.serving import Served, listening

pytestmark = pytest.mark.e2e

AT_ONCE = 40
BODY = 11 << 20
GROWTH = 60 << 20  # bytes; one body of each of them would be seven times that


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Served]:
    """The HTTP side of a process of its own, whose servers are all away."""
    environ = {
        "HOST": "127.0.0.1",
        "PORT": "0",
        "CLICKHOUSE_PORT": "1",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    async with running("serve", "--roles", "api", environ=environ, log=tmp_path / "serve.log") as process:
        yield await listening(process)


async def memory(service: Served) -> float:
    return await asyncio.to_thread(service.metric, "process_resident_memory_bytes")


async def connect(service: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(service.url)
    return await asyncio.open_connection(url.host, url.port)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The status line; empty if the connection was ended without one."""
    try:
        return await reader.readline()
    except ConnectionError:
        return b""


async def send(service: Served, head: str, pieces: list[bytes]) -> bytes:
    """A request, as much of it as the service takes; its status line."""
    reader, writer = await connect(service)
    try:
        writer.write(f"{head}\r\nHost: here\r\n".encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:  # it has had enough
        pass
    try:
        return await answered(reader)
    finally:
        writer.transport.abort()


def chunked(body: bytes) -> list[bytes]:
    pieces = [b"Transfer-Encoding: chunked\r\n\r\n"]
    for start in range(0, len(body), 1 << 16):
        piece = body[start : start + (1 << 16)]
        pieces.append(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    return [*pieces, b"0\r\n\r\n"]


def measured(body: bytes) -> list[bytes]:
    return [f"Content-Length: {len(body)}\r\n\r\n".encode(), body]


async def test_bodies_without_end_are_not_kept(service: Served) -> None:
    """Fault 36: 11 MB with a length and without, and a megabyte of gzip that would be a gigabyte."""
    before = await memory(service)
    large, bomb = bytes(BODY), gzip.compress(bytes(64 << 20)) * 16
    statuses = set()
    for pieces in (
        measured(large),
        chunked(large),
        [b"Content-Encoding: gzip\r\n", *measured(bomb)],
        [b"Content-Encoding: gzip\r\n", *chunked(bomb)],
    ):
        for head in ("POST /v1/metrics/bookings HTTP/1.1", "GET /v1/metrics/bookings HTTP/1.1"):
            asked = (send(service, head, pieces) for _ in range(AT_ONCE // 8))
            statuses.update(await asyncio.gather(*asked))
    taken = {status for status in statuses if status.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))}
    assert (taken - {b"HTTP/1.1 503 Service Unavailable\r\n"}, await memory(service) - before < GROWTH) == (
        set(),
        True,
    )


async def test_who_reads_nothing_costs_little(service: Served) -> None:
    """Fault 36: each asks for a large answer again and again, and takes none of it; others are served meanwhile."""
    before = await memory(service)
    request = b"GET /schema/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n"
    slow = [await connect(service) for _ in range(AT_ONCE)]
    for _, writer in slow:
        writer.write(request * 200)
    statuses = {await asyncio.to_thread(service.status, "/health/live") for _ in range(20)}
    grown = await memory(service) - before
    for _, writer in slow:
        writer.transport.abort()
    assert (statuses, grown < GROWTH) == ({200}, True)
