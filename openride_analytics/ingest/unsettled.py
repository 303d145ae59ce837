"""What the audit must leave out because it may be half stored: rows of open intents, and rows just come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Final

from aiokafka import TopicPartition

from openride_analytics.ingest.catalog import PLACE

# How much earlier than the intent says a row may have been stored, by the clock of ClickHouse.
SKEW_SECONDS: Final = 60


@dataclass(frozen=True)
class Unsettled:
    """Rows stored in the last `settle` seconds, and those of open intents.

    `committed`: of each topic-partition, in the topics' `epoch`, the committed offset and since when (epoch ms) an
    intent is open there, or None. Below that offset everything is in every table.
    """

    epoch: str
    settle: int = 0
    committed: Mapping[TopicPartition, tuple[int, int | None]] = field(default_factory=dict)

    # The committed offset of a row's partition, with the placeholders of `ends`.
    END: ClassVar = f"transform({PLACE}, {{places:Array(String)}}, {{ends:Array(UInt64)}}, {(1 << 64) - 1})"

    @property
    def ends(self) -> dict[str, object]:
        """Parallel: topic-partitions and their committed offsets."""
        return {
            "places": [f"{self.epoch} {tp.topic}/{tp.partition}" for tp in self.committed],
            "ends": [end for end, _ in self.committed.values()],
        }

    @property
    def condition(self) -> str:
        """Whether a row of events_raw or of a typed table may be half stored, with the parameters below."""
        fresh = "ingested_at >= now64(3, 'UTC') - toIntervalSecond({settle:UInt32})"
        if self._opened is None:
            return fresh
        # Time first: it is cheap to ask, and most rows are older.
        return f"({fresh} OR (ingested_at >= {{opened:DateTime64(3, 'UTC')}} AND kafka_offset >= {self.END}))"

    @property
    def parameters(self) -> dict[str, object]:
        """The values of the condition's placeholders."""
        if self._opened is None:
            return {"settle": self.settle}
        return {"settle": self.settle, "opened": self._opened, **self.ends}

    @property
    def _opened(self) -> datetime | None:
        """Since when the oldest intent is open."""
        opened = [at for _, at in self.committed.values() if at is not None]
        return datetime.fromtimestamp(min(opened) / 1000 - SKEW_SECONDS, UTC) if opened else None
