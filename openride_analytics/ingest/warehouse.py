"""What ingestion asks of ClickHouse."""

from collections.abc import Collection

import numpy as np

from openride_analytics.ingest.batch import Batch, Source, Span
from openride_analytics.ingest.duplicates import Folds
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

# Some hundred times what is usual. Repeating an insert that was only slow changes nothing.
INSERT_SECONDS = 20.0
QUERY_SECONDS = 20.0


class Warehouse:
    """Inserts batches and answers what recovery needs to know."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def insert(self, batch: Batch, token: str) -> None:
        """One batch as one block. Repeating it with the same token changes nothing.

        Raises Retryable (Ambiguous where it may have been stored), SchemaDrift, DataRefused.
        """
        await self._clickhouse.insert(
            f"landing_{batch.source.kind}", batch.rows, token=token, timeout=INSERT_SECONDS
        )

    async def recent_ids(self, source: Source, partition: int, before: int, most: int) -> Folds:
        """Folds of the last `most` event ids stored at offsets below `before`, oldest first."""
        block = await self._clickhouse.select(
            statement("ingest/window"),
            {**_where(source, partition), "before": before, "most": most},
            timeout=QUERY_SECONDS,
            name="ingest/window",
        )
        return np.array(block.columns[0] if block.columns else [], np.uint64)

    async def newest(self, source: Source, partition: int) -> int:
        """The highest offset stored; -1 where nothing is."""
        block = await self._clickhouse.select(
            statement("ingest/newest"),
            _where(source, partition),
            timeout=QUERY_SECONDS,
            name="ingest/newest",
        )
        return int(block.columns[0][0])

    async def holds_any(self, source: Source, spans: Collection[Span]) -> bool:
        """Whether any offset of any of these is stored."""
        for span in spans:
            if await self._holds(source, span):
                return True
        return False

    async def _holds(self, source: Source, span: Span) -> bool:
        block = await self._clickhouse.select(
            statement("ingest/holds"),
            {**_where(source, span.partition), "first": span.first, "last": span.last},
            timeout=QUERY_SECONDS,
            name="ingest/holds",
        )
        return bool(block.columns[0][0])


def _where(source: Source, partition: int) -> dict[str, object]:
    return {"epoch": source.epoch, "topic": source.topic, "partition": partition}
