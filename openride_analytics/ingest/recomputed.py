"""Is every table what it would be if it were made again from events_raw?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from openride_analytics.clock import Clock
from openride_analytics.ingest.catalog import Cut, targets
from openride_analytics.ingest.check import Check
from openride_analytics.ingest.comparison import Comparison, of_target, of_typed
from openride_analytics.ingest.kept import Kept
from openride_analytics.ingest.unsettled import Unsettled
from openride_analytics.schema.columns import LANDING
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

QUERY_SECONDS: Final = 300.0
# Events whose rows are compared at once, roughly, for no hour is cut.
PART_EVENTS: Final = 1_000_000
# How often what differs while messages flow is looked at again, and after which pause.
ASKS_MORE: Final = 2
ASK_PAUSE: Final = 2.0

# The end of time, as keys of the type DateTime know it.
END: Final = datetime(2106, 1, 1, tzinfo=UTC)

Parameters = Mapping[str, object]
# Rows missing and rows too many, by place: as `Comparison.differences` gives them.
Places = Mapping[int, tuple[int, int]]


class Recomputation:
    """Compares every table that views fill from landing rows with those rows as events_raw and the typed tables
    hold them, a bounded part at a time."""

    def __init__(
        self, settings: Settings, clickhouse: ClickHouse, clock: Clock, kept: Kept, unsettled: Unsettled
    ) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._clock = clock
        self._kept = kept
        self._unsettled = unsettled
        self._hours: dict[str, dict[datetime, int]] = {}

    async def checks(self) -> list[Check]:
        """One check a table. Raises Retryable."""
        typed = [of_typed(kind, self._unsettled) for kind in LANDING]
        sources = {"events_raw", *(comparison.name for comparison in typed)}
        made = [
            of_target(target, self._unsettled, whole=self._kept.whole(target.kinds))
            for target in await targets(self._clickhouse, self._settings.clickhouse)
            if target.name not in sources
        ]
        return [await self._check(comparison) for comparison in (*typed, *made)]

    async def _check(self, comparison: Comparison) -> Check:
        expected = found = differing = 0
        hours: list[datetime] = []
        for parameters in await self._parts(comparison):
            (sums,) = await self._ask(comparison.sums, parameters)
            places = {} if sums["same"] else await self._places(comparison, parameters)
            missing = sum(lacking for lacking, _ in places.values())
            extra = sum(surplus for _, surplus in places.values())
            expected += sums["expected"]
            found += sums["expected"] - missing + extra
            differing += max(missing, extra)
            if comparison.time is not None:
                hours += [datetime.fromtimestamp(place, UTC) for place in places]
        group = f"{min(hours):%Y-%m-%dT%H} to {max(hours):%Y-%m-%dT%H} UTC" if hours else ""
        return Check(comparison.name, group, expected, found, differing)

    async def _places(self, comparison: Comparison, parameters: Parameters) -> Places:
        """Where rows are missing or too many.

        A batch reaches one table a moment before the next. So while messages flow, what counts is what differs in the
        same places after a while: there it would have been left out by then, had something just been stored.
        """
        places = await self._differences(comparison, parameters)
        for _ in range(ASKS_MORE if self._unsettled.settle else 0):
            if not places:
                break
            await self._clock.sleep(ASK_PAUSE)
            again = await self._differences(comparison, parameters)
            places = {place: again[place] for place in places.keys() & again.keys()}
        return places

    async def _differences(self, comparison: Comparison, parameters: Parameters) -> Places:
        rows = await self._ask(comparison.differences, parameters)
        return {row["place"]: (row["missing"], row["extra"]) for row in rows}

    async def _parts(self, comparison: Comparison) -> list[Parameters]:
        """What to compare, one part after the other."""
        if comparison.cut is Cut.MESSAGES:
            return [{**await self._first_offsets(comparison.kinds), **self._unsettled.ends}]
        since, unsettled = self._kept.events(comparison.kinds), self._unsettled.parameters
        counts: Counter[datetime] = Counter()
        for kind in comparison.kinds:
            counts.update(await self._events(kind))
        if comparison.cut is Cut.HOURS:
            return [{"begin": begin, "end": end, **unsettled} for begin, end in periods(since, counts)]
        of = 1 + sum(counts.values()) // PART_EVENTS
        return [{"since": since, "number": number, "of": of, **unsettled} for number in range(of)]

    async def _first_offsets(self, kinds: Sequence[str]) -> Parameters:
        """The first offset of each partition from which on no message can have expired."""
        arrivals = self._kept.arrivals(kinds)
        if arrivals is None:
            return {"kept_places": (), "kept_offsets": ()}
        block = await self._clickhouse.select(
            statement("audit/expiring"), {"arrivals": arrivals}, timeout=QUERY_SECONDS, name="audit"
        )
        places, offsets = block.columns or ([], [])
        return {"kept_places": places, "kept_offsets": offsets}

    async def _events(self, kind: str) -> dict[datetime, int]:
        """How many events of a kind each hour has."""
        if kind not in self._hours:
            table = f"{kind}_events"
            block = await self._clickhouse.select(
                statement("audit/hours"),
                {"table": table},
                identifiers=[table],
                timeout=QUERY_SECONDS,
                name="audit",
            )
            self._hours[kind] = dict(zip(*block.columns, strict=True))
        return self._hours[kind]

    async def _ask(self, sql: str, parameters: Parameters) -> list[dict[str, Any]]:
        block = await self._clickhouse.select(sql, parameters, timeout=QUERY_SECONDS, name="audit")
        return block.dicts()


def periods(since: datetime, counts: Mapping[datetime, int]) -> Iterator[tuple[datetime, datetime]]:
    """From `since` on without a gap, each of about PART_EVENTS events (`counts` are those of each hour) or a single
    hour; the last without an end, for rows of which there is no event."""
    begin, events = since, 0
    for hour in sorted(hour for hour in counts if hour >= since):
        if events and events + counts[hour] > PART_EVENTS:
            yield begin, hour
            begin, events = hour, 0
        events += counts[hour]
    yield begin, END
