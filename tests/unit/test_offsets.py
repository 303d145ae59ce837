"""What is read from the answers of aiokafka's admin client."""

from typing import Any

import pytest
from aiokafka import OffsetAndMetadata, TopicPartition

from openride_analytics.errors import Retryable
from openride_analytics.ingest.offsets import Committed, Offsets

ONE, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)


class Admin:
    """Gives one answer, whatever is asked."""

    def __init__(self, answer: dict[TopicPartition, OffsetAndMetadata]) -> None:
        self._answer = answer

    async def list_consumer_group_offsets(
        self, *_: Any, **__: Any
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        return self._answer


async def test_a_coordinator_that_is_still_loading_is_not_taken_for_a_group_that_never_committed() -> None:
    offsets = Offsets(None, Admin({ONE: OffsetAndMetadata(7, "")}), "g")
    with pytest.raises(Retryable):
        await offsets.committed([ONE, OTHER])


async def test_minus_one_means_never_committed() -> None:
    offsets = Offsets(None, Admin({ONE: OffsetAndMetadata(-1, "")}), "g")
    assert await offsets.committed([ONE]) == {ONE: Committed(None, None)}
