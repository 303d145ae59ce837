"""The server as an actor: where it listens, how it ends, what it does with bad clients."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from email import message_from_bytes

import msgspec
import pytest

from openride_analytics.api import bodies, envelope
from openride_analytics.api import server as module
from openride_analytics.supervisor import Escalated
from tests.support.api import ApiResources, Served, resources, serving
from tests.support.eventually import eventually, poll

HEAD = b"GET /health/live HTTP/1.1\r\nHost: here\r\n"
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"


@pytest.fixture
async def nothing() -> AsyncIterator[ApiResources]:
    """Every dependency is away."""
    async with resources({}) as given:
        yield given


async def test_no_part_of_an_answer_waits_for_an_acknowledgment(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        await served.get("/health/live")
        (connection,) = (found for found in gc.get_objects() if isinstance(found, module._Protocol))
        listening = connection.transport.get_extra_info("socket")
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


class Slow:
    """A Redis that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def ping(self) -> bool:
        self.asked.set()
        return await self.answer.wait()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def test_port_zero_is_a_free_one(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        assert not served.server.url.endswith(":0")


async def test_a_taken_port_ends_the_process_with_a_clear_line(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        port = served.server.url.rpartition(":")[2]
        async with resources({"PORT": port}) as second:
            with pytest.raises(Escalated, match=rf"cannot listen on 127.0.0.1:{port} .*already in use"):
                async with serving(second):
                    pass


async def test_it_stops_within_seconds_though_a_client_keeps_its_connection(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        await served.get("/health/live")  # the client keeps the connection
        begun = time.monotonic()
        await served.stop()
        assert time.monotonic() - begun < 2


async def test_it_stops_within_seconds_though_a_client_sends_half_a_request(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        _, writer = await connect(served.server.url)
        writer.write(HEAD)
        await writer.drain()
        await served.get("/health/live")  # by now the half was read
        begun = time.monotonic()
        await served.stop()
        writer.close()
        assert time.monotonic() - begun < 2


async def test_a_request_under_way_is_answered_before_the_end(nothing: ApiResources) -> None:
    slow = Slow()
    async with serving(replace(nothing, redis=slow)) as served:
        asked = asyncio.create_task(served.get("/health/ready"))
        await slow.asked.wait()
        served.supervisor.stop()
        slow.answer.set()
        assert (await asked).json()["status"] == "critical"


async def test_a_request_that_comes_on_a_new_connection_while_it_ends_is_answered(
    nothing: ApiResources,
) -> None:
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        served.supervisor.stop()
        await refused(served.server.url)
        writer.write(HEAD + b"\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()


async def test_a_request_that_comes_on_a_kept_connection_while_it_ends_is_answered(
    nothing: ApiResources,
) -> None:
    async with serving(nothing) as served:
        await served.get("/health/live")
        served.supervisor.stop()
        await refused(served.server.url)
        answer = await served.get("/health/live")
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_connections_not_yet_accepted_are_known_before_the_listener_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()) as client:
            (found,) = module._not_yet_accepted(listener)
            with found:
                assert found.getpeername() == client.getsockname()


async def refused(url: str) -> None:
    """Returns once nobody can connect there any more."""

    async def away() -> bool:
        try:
            _, writer = await connect(url)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    await poll(away)


async def test_a_closed_port_refuses(nothing: ApiResources) -> None:
    async with serving(nothing) as served:
        await served.stop()
        with pytest.raises(OSError, match="Connect call failed"):
            await connect(served.server.url)


async def test_a_head_that_does_not_come_is_not_waited_for(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.1)
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        writer.write(HEAD)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("garbage", [TLS_HELLO, HEAD + b"X: " + b"x" * 400_000 + b"\r\n\r\n"])
async def test_garbage_is_a_bad_request(nothing: ApiResources, garbage: bytes) -> None:
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        writer.write(garbage)
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


@pytest.mark.parametrize(
    "malformed",
    [
        TLS_HELLO,
        b"GET /health/live HTTP/1.1\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
)
async def test_what_is_no_request_is_told_so_as_any_other_problem(
    nothing: ApiResources, malformed: bytes
) -> None:
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        writer.write(malformed)
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    headers = message_from_bytes(head.partition(b"\r\n")[2])
    problem = msgspec.json.decode(body)
    assert (headers["Content-Type"], headers["Connection"], problem["status"], problem["request_id"]) == (
        "application/problem+json",
        "close",
        400,
        headers["X-Request-ID"],
    )


async def test_a_caller_who_leaves_within_a_body_is_no_defect_of_ours(
    nothing: ApiResources, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(nothing) as served:
        _, writer = await connect(served.server.url)
        writer.write(b"POST /v1/exports/request HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()
        counted = 'openride_http_requests_total{method="POST",route="/v1/exports/request"'

        async def is_counted() -> bool:
            return counted in (await served.get("/metrics")).text

        await poll(is_counted)
    assert "request failed" not in caplog.messages


async def test_a_body_that_does_not_come_is_not_waited_for(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        writer.write(b"POST /v1/exports/request HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
        async with asyncio.timeout(10):
            status = await reader.readline()
        writer.close()
    assert status.split()[1] == b"408"


async def test_who_takes_nothing_of_an_answer_is_not_waited_for(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    async with serving(nothing) as served:
        await served.get("/schema/openapi.json")
        with idle(served.server.url, b"GET /schema/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 50):
            await eventually(stalled)
            await eventually(lambda: not stalled(), within=5)


async def test_who_takes_an_answer_slowly_gets_all_of_it(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.5)
    async with serving(nothing) as served:
        size = int((await served.get("/schema/openapi.json")).headers["content-length"])
        asked = b"GET /schema/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 10
        with idle(served.server.url, asked) as client:
            taken = 0
            while taken < 10 * size:
                await asyncio.sleep(0.01)
                async with asyncio.timeout(5):
                    piece = await asyncio.get_running_loop().sock_recv(client, 1 << 15)
                assert piece, f"cut short after {taken} bytes"
                taken += len(piece)


@contextmanager
def idle(url: str, asked: bytes) -> Iterator[socket.socket]:
    """A client that has asked, and takes no more than its small buffer holds."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        client.setblocking(False)
        client.sendall(asked)
        yield client


def stalled() -> bool:
    """Whether an answer waits for who does not take it."""
    found = (one for one in gc.get_objects() if isinstance(one, module._Protocol))
    return any(one.flow is not None and one.flow.write_paused for one in found)


# More than there may be


@pytest.fixture
async def full(nothing: ApiResources, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A server that has as many requests under way as it may: one, whose body does not come."""
    monkeypatch.setattr(envelope, "MAX_REQUESTS", 1)
    async with serving(nothing) as served:
        reader, writer = await connect(served.server.url)
        writer.write(b"POST /v1/exports/request HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n")
        writer.write(b"Expect: 100-continue\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"100 ")
        yield served
        writer.transport.abort()


async def test_beyond_as_many_requests_as_there_may_be_is_a_problem(full: Served) -> None:
    answer = await full.get("/")
    headers = answer.headers
    assert (answer.status_code, headers["Content-Type"], headers["Retry-After"], answer.json()) == (
        503,
        "application/problem+json",
        "5",
        {
            "type": "urn:openride:problem:full",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "there are 1 requests under way, as many as there may be; try again later",
            "request_id": headers["X-Request-ID"],
        },
    )


async def test_who_is_refused_is_counted(full: Served) -> None:
    await full.get("/")
    counted = 'openride_http_requests_total{method="GET",route="unmatched",status="503"} 1.0'
    assert counted in (await full.get("/metrics")).text.splitlines()


async def test_probes_are_answered_whatever_is_under_way(full: Served) -> None:
    await full.get("/")
    answer = await full.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_a_request_that_has_ended_makes_room_for_another(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "MAX_REQUESTS", 1)
    async with serving(nothing) as served:
        assert {(await served.get(path)).status_code for path in ("/", "/nowhere", "/")} == {200, 404}


async def test_a_caller_who_leaves_is_no_failure_of_ours(nothing: ApiResources) -> None:
    slow = Slow()
    async with serving(replace(nothing, redis=slow)) as served:
        asked = asyncio.create_task(served.get("/health/ready"))
        await slow.asked.wait()
        asked.cancel()
        counted = 'openride_http_requests_total{method="GET",route="/health/ready",status="499"} 1.0'

        async def is_counted() -> bool:
            return counted in (await served.get("/metrics")).text.splitlines()

        await poll(is_counted)


async def test_kept_connections_make_room_for_new_ones(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    async with serving(nothing) as served, AsyncExitStack() as kept:
        for _ in range(10):
            reader, writer = await connect(served.server.url)
            kept.callback(writer.close)
            writer.write(HEAD + b"\r\n")
            async with asyncio.timeout(5):
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_there_are_no_more_connections_than_there_may_be(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has been silent longest is let go."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    async with serving(nothing) as served, AsyncExitStack() as kept:
        readers = []
        for _ in range(5):
            reader, writer = await connect(served.server.url)
            kept.callback(writer.close)
            readers.append(reader)
        async with asyncio.timeout(5):
            assert [await reader.read() for reader in readers[:2]] == [b"", b""]


async def test_a_connection_that_has_just_asked_stays(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it has been there: another, silent since, is let go."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    async with serving(nothing) as served, AsyncExitStack() as kept:
        asking, silent = [await connect(served.server.url) for _ in range(2)]
        kept.callback(asking[1].close)
        kept.callback(silent[1].close)
        asking[1].write(HEAD + b"\r\n")
        async with asyncio.timeout(5):
            await asking[0].readuntil(b"}")
            _, writer = await connect(served.server.url)
            kept.callback(writer.close)
            assert await silent[0].read() == b""


async def test_a_connection_with_a_request_under_way_makes_no_room(
    nothing: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    slow = Slow()
    async with serving(replace(nothing, redis=slow)) as served, AsyncExitStack() as kept:
        asked = asyncio.create_task(served.get("/health/ready"))
        await slow.asked.wait()
        for _ in range(5):
            _, writer = await connect(served.server.url)
            kept.callback(writer.close)
        slow.answer.set()
        assert (await asked).json()["status"] == "critical"
