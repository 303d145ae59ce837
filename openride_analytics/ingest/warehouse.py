"""What ingestion asks of ClickHouse."""

from typing import Final

import numpy as np

from openride_analytics.ingest.batch import Batch, Place
from openride_analytics.ingest.duplicates import Folds
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

INSERT_SECONDS = 60.0
QUERY_SECONDS = 30.0

# Rows for a column of another type would be converted or refused, and neither is what they deserve.
_TYPES: Final = {
    kind: {column.name: column.type for column in (*COMMON, *typed)} for kind, typed in LANDING.items()
}


class Warehouse:
    """Inserts batches and answers what recovery needs to know."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def insert(self, batch: Batch, token: str) -> None:
        """One batch as one block. Repeating it with the same token changes nothing.

        Raises Retryable (Ambiguous where it may have been stored), SchemaDrift, DataRefused.
        """
        kind = batch.place.kind
        await self._clickhouse.insert(
            f"landing_{kind}", batch.columns(), token=token, timeout=INSERT_SECONDS, types=_TYPES[kind]
        )

    async def recent_ids(self, place: Place, before: int, most: int) -> Folds:
        """Folds of the last `most` event ids stored from `place` at offsets below `before`, oldest first."""
        block = await self._clickhouse.select(
            statement("ingest/window"),
            {**_where(place), "before": before, "most": most},
            timeout=QUERY_SECONDS,
            name="ingest/window",
        )
        return np.array(block.columns[0] if block.columns else [], np.uint64)

    async def holds(self, place: Place, first: int, last: int) -> bool:
        """Whether any offset of `first`..`last` is stored."""
        block = await self._clickhouse.select(
            statement("ingest/holds"),
            {**_where(place), "first": first, "last": last},
            timeout=QUERY_SECONDS,
            name="ingest/holds",
        )
        return bool(block.columns[0][0])


def _where(place: Place) -> dict[str, object]:
    return {"epoch": place.epoch, "topic": place.topic, "partition": place.partition}
