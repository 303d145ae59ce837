"""A steady stream of rides into Kafka for as long as a test wants it."""

import asyncio
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from itertools import islice

from tests.bench.load import Delivered, Ride, rides, send

BAD = b"this is not JSON"
RECENT = 500
FEW = 50_000
BEGIN_SECONDS = 60


class Load:
    """`sent`: every message that Kafka has acknowledged, known once the load is over."""

    def __init__(self) -> None:
        self.sent: list[Delivered] = []


@asynccontextmanager
async def load(
    bootstrap: str, topics: Mapping[str, str], messages: Iterable[Ride], *, rate: float
) -> AsyncIterator[Load]:
    """Send `rate` messages a second until the end of the block, or until there are no more.

    The block begins with the first of them: to think of them may take a while.
    """
    begun, enough = threading.Event(), threading.Event()

    def until_enough() -> Iterator[Ride]:
        for message in messages:
            begun.set()
            if enough.is_set():
                return
            yield message

    found = Load()
    task = asyncio.create_task(asyncio.to_thread(send, bootstrap, topics, until_enough(), rate=rate))
    try:
        assert await asyncio.to_thread(begun.wait, BEGIN_SECONDS), "no message to send"
        yield found
    finally:
        enough.set()
        found.sent = await task


def ride_messages(count: int) -> Iterable[Ride]:
    """The first `count` messages of a world: the same ones for every test of a run, if they are not too many."""
    return rides(count) if count > FEW else islice(_remembered(*_few()), count)


@cache
def _few() -> tuple[list[Ride], Iterator[Ride]]:
    """Those that some test has had, and those that none has."""
    return [], rides(FEW)


def _remembered(known: list[Ride], coming: Iterator[Ride]) -> Iterator[Ride]:
    """Thought of only when they are wanted: most tests end long before."""
    for n in range(FEW):
        if n == len(known):
            known.append(next(coming))
        yield known[n]


def hostile(messages: Iterable[Ride], rng: random.Random, *, repeated: float, bad: float) -> Iterator[Ride]:
    """The same messages; a share of them `repeated` soon after, as by a producer that retries, and a share of
    `bad` ones among them."""
    recent: deque[Ride] = deque(maxlen=RECENT)
    for message in messages:
        yield message
        recent.append(message)
        if rng.random() < repeated:
            yield rng.choice(recent)
        if rng.random() < bad:
            yield message._replace(value=BAD)
