"""Committed offsets and the intents that ride in their metadata."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from openride_analytics import kafka
from openride_analytics.errors import OpenRideError, Retryable
from openride_analytics.ingest.intent import Intent, parse

# A commit is repeated until it is answered, so this only bounds how long one attempt may hang.
REQUEST_SECONDS = 10.0


class PartitionLost(OpenRideError):  # noqa: N818 - the partition is lost; it is no defect
    """Partitions belong to another member now (or to nobody): drop what is open, its intent stays."""


@dataclass(frozen=True)
class Committed:
    """`offset`: the next one to store, None if the group never committed; `intent`: what may be half done."""

    offset: int | None
    intent: Intent | None


class Offsets:
    """Reads and writes one consumer group's offsets.

    Reading goes through the admin client: the consumer's own `committed()` hides the metadata.
    """

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, group: str) -> None:
        self._consumer = consumer
        self._admin = admin
        self._group = group
        self._committing = asyncio.Lock()

    async def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Committed]:
        """What each partition's commit says. Raises Retryable."""
        wanted = list(partitions)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                found = await self._admin.list_consumer_group_offsets(self._group, partitions=wanted)
        except (KafkaError, TimeoutError, OSError, AttributeError) as error:
            # AttributeError: aiokafka 0.14 trips over itself when a partition's answer carries an error
            raise Retryable("kafka", f"offsets could not be read: {type(error).__name__}") from error
        if found.keys() != set(wanted):
            # aiokafka 0.14 overlooks the error of an answer as a whole, as from a coordinator that still loads what
            # was committed. What the group never committed would be in the answer, as -1.
            raise Retryable("kafka", "offsets could not be read: the answer lacks partitions")
        return {tp: _committed(found[tp]) for tp in wanted}

    async def commit(self, positions: Mapping[TopicPartition, tuple[int, Intent | None]]) -> None:
        """Of each partition everything below its offset is stored; all in one request, which the coordinator
        takes as a whole. Raises PartitionLost, Retryable.
        """
        offsets = {
            tp: OffsetAndMetadata(offset, intent.encode() if intent is not None else "")
            for tp, (offset, intent) in positions.items()
        }
        try:
            # One at a time, so that what one learns of the membership holds for the next.
            async with asyncio.timeout(REQUEST_SECONDS), self._committing:
                self._require_membership()
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            raise PartitionLost(", ".join(f"{tp.topic}/{tp.partition}" for tp in positions)) from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise Retryable("kafka", f"offsets could not be committed: {type(error).__name__}") from error

    def _require_membership(self) -> None:
        """Raise CommitFailedError where the group has thrown this member out.

        aiokafka would commit without a generation then, as those do that are in no group, and the broker takes that
        if nobody else is left in the group: offsets that others have moved on meanwhile would go back.
        """
        if self._consumer._coordinator.generation < 0:  # no public name for it
            raise CommitFailedError

    async def earliest(self, partition: TopicPartition) -> int:
        """Where a group that never committed begins. Raises Retryable."""
        with kafka.translated("the first offset could not be read"):
            async with asyncio.timeout(REQUEST_SECONDS):
                return int((await self._consumer.beginning_offsets([partition]))[partition])

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last message of each, as the broker says now; empty where it does not say."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return dict(await self._consumer.end_offsets(list(partitions))) if partitions else {}
        except (KafkaError, TimeoutError, OSError):
            return {}


def _committed(found: OffsetAndMetadata) -> Committed:
    if found.offset < 0:
        return Committed(None, None)
    return Committed(found.offset, parse(found.metadata))
