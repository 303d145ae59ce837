"""From an edition to what is mailed of it."""

from openride_analytics.reports.edition import Edition, Rendered
from openride_analytics.store.clickhouse import ClickHouse


async def render(
    clickhouse: ClickHouse,
    edition: Edition,
    *,
    unsubscribe: str | None,
    link: str | None,
    most: int | None = None,
) -> Rendered:
    """`unsubscribe`: what the bodies name as the way out; `edition.UNSUBSCRIBE` becomes each recipient's own.

    `link`: where the file is kept. `most`: a larger file (bytes) is linked to, not attached: `attached` says so,
    `attachment` is the file either way. Raises Retryable where no section could be made.
    """
    raise NotImplementedError
