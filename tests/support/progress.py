"""How far a consumer group is with each partition, watched from outside: by what Kafka says alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError

from openride_analytics.settings import Kafka

LOOK_SECONDS = 0.1
START_SECONDS = 30.0
REQUEST_SECONDS = 10.0

# AttributeError: aiokafka 0.14 trips over itself when a partition's answer carries an error.
AWAY = (KafkaError, TimeoutError, OSError, AttributeError)


@dataclass(frozen=True)
class Place:
    """Up to where a partition is stored, and up to where it is filled; `intent` is what the commit says of it."""

    committed: int
    end: int
    intent: str

    @property
    def lag(self) -> int:
        """Messages not yet stored."""
        return self.end - self.committed


@dataclass
class Progress:
    """What was seen. `stalls`: for each partition the longest time (s) with lag in which its committed offset
    did not move; `rewinds`: each time one went back."""

    stalls: dict[TopicPartition, float] = field(default_factory=dict)
    rewinds: list[tuple[TopicPartition, int, int]] = field(default_factory=list)
    _moved: dict[TopicPartition, float] = field(default_factory=dict)
    _last: dict[TopicPartition, Place] = field(default_factory=dict)

    def see(self, places: Mapping[TopicPartition, Place], now: float) -> None:
        """Take in one look at the partitions, at `now` (monotonic)."""
        for tp, place in places.items():
            before = self._last.get(tp, Place(0, 0, ""))
            if place.committed < before.committed:
                self.rewinds.append((tp, before.committed, place.committed))
            # Until the look before there was nothing to do, or something was done.
            if tp not in self._moved or before.lag <= 0 or place.committed > before.committed:
                self._moved[tp] = now
            self.stalls[tp] = max(self.stalls.get(tp, 0.0), now - self._moved[tp])
            self._last[tp] = place

    @property
    def longest_stall(self) -> float:
        """Of any partition, in seconds."""
        return max(self.stalls.values(), default=0.0)


class Looker:
    """Asks Kafka where the group is."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False)
        self._partitions: list[TopicPartition] = []

    async def start(self) -> None:
        """Connect; the topics must be there."""
        await self._admin.start()
        await self._consumer.start()
        await asyncio.sleep(0)  # aiokafka's consumer cannot be stopped before its own task has begun
        described = await self._admin.describe_topics(list(self._kafka.topics.events().values()))
        self._partitions = [
            TopicPartition(topic["topic"], part["partition"])
            for topic in described
            for part in topic["partitions"]
        ]

    async def stop(self) -> None:
        """Let go of the connections."""
        await self._consumer.stop()
        await self._admin.close()

    async def look(self) -> dict[TopicPartition, Place]:
        """Every partition of the six topics. Raises one of AWAY."""
        async with asyncio.timeout(REQUEST_SECONDS):
            # The ends afterwards: a commit is never seen before the message that it covers.
            found = await self._admin.list_consumer_group_offsets(
                self._kafka.group_id, partitions=self._partitions
            )
            ends = await self._consumer.end_offsets(self._partitions)
        if found.keys() != set(self._partitions):  # what was never committed is there too, as -1
            raise GroupLoadInProgressError
        return {
            tp: Place(max(0, found[tp].offset), ends[tp], found[tp].metadata or "") for tp in self._partitions
        }

    async def members(self) -> set[str]:
        """Ids of the group's members."""
        async with asyncio.timeout(REQUEST_SECONDS):
            [answer] = await self._admin.describe_consumer_groups([self._kafka.group_id])
        [group] = answer.groups
        return {member[0] for member in group[5]}

    async def until(self, check: Callable[[Mapping[TopicPartition, Place]], bool], *, within: float) -> None:
        """Wait until `check` holds for what is seen; fail, and say what was seen last, if that takes too long."""
        deadline = time.monotonic() + within
        seen: object = None
        while time.monotonic() < deadline:
            try:
                places = await self.look()
            except AWAY as error:
                seen = f"Kafka did not answer: {error!r}"
            else:
                if check(places):
                    return
                seen = {tp: place for tp, place in places.items() if place.lag > 0 or place.intent}
            await asyncio.sleep(LOOK_SECONDS)
        raise AssertionError(f"still not so after {within:g} s: {seen}")

    async def until_stored(self, *, within: float = 120) -> None:
        """Wait until nothing is left to store, and no insert open."""
        await self.until(
            lambda places: all(place.lag <= 0 and not place.intent for place in places.values()),
            within=within,
        )


@asynccontextmanager
async def looking(kafka: Kafka) -> AsyncIterator[Looker]:
    """A look at the group whenever wanted. A broker that has just come back is given time."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        looker = Looker(kafka)
        try:
            await looker.start()
            break
        except AWAY:
            await looker.stop()
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK_SECONDS)
    try:
        yield looker
    finally:
        await looker.stop()


@asynccontextmanager
async def watching(looker: Looker) -> AsyncIterator[Progress]:
    """What the group does meanwhile. A look that Kafka does not answer is left out."""
    progress = Progress()

    async def watch() -> None:
        while True:
            with suppress(*AWAY):
                progress.see(await looker.look(), time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(watch())
    try:
        yield progress
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
