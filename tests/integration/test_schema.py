"""The warehouse's tables and views on the real engine."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migration_files import read
from openride_analytics.store.migrations import apply
from openride_analytics.store.sql import statement
from openride_analytics.store.templates import Target, render, tables, views
from tests.support.warehouse import columns, store

# Lately: what is older than its table keeps may be gone before it is looked at.
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
AT = datetime.combine(YESTERDAY, time(8, 7, 30, 250_000), UTC)
RIDER, DRIVER, ROUTE, BOOKING, PAYMENT, TRIP, USER = (str(UUID(int=n)) for n in range(1, 8))
RIDE: dict[str, Any] = {"booking_id": BOOKING, "rider_id": RIDER, "driver_id": DRIVER, "route_id": ROUTE}
TYPES = {
    "user": ["user.registered", "user.kyc_verified", "user.upgraded_to_driver"],
    "booking": ["booking.created", "booking.confirmed", "booking.cancelled", "booking.completed"],
    "payment": ["payment.initiated", "payment.success", "payment.failed", "payment.refunded"],
    "trip": ["trip.started", "trip.completed", "trip.cancelled"],
    "route": ["route.created", "route.activated", "route.cancelled", "route.updated"],
    "location": ["driver.location.updated"],
}


def event(event_type: str, /, at: datetime = AT, **fields: Any) -> dict[str, Any]:
    return {"event_id": str(uuid4()), "event_type": event_type, "event_timestamp": at, **fields}


def one_of_each() -> list[dict[str, Any]]:
    ids = {**RIDE, "payment_id": PAYMENT, "trip_id": TRIP, "user_id": USER}
    own = {
        "user": ("user_id",),
        "booking": tuple(RIDE),
        "payment": ("payment_id", "booking_id", "rider_id"),
        "trip": ("trip_id", *RIDE),
        "route": ("route_id", "driver_id"),
        "location": ("driver_id",),
    }
    said: dict[str, Any] = {
        "cancelled_by": "SYSTEM",
        "currency": "NGN",
        "route_name": "Home",
        "lat": 6.5,
        "lon": 3.4,
    }
    return [
        event(event_type, **{name: ids[name] for name in own[kind]}, **said)
        for kind, event_types in TYPES.items()
        for event_type in event_types
    ]


async def value(clickhouse: ClickHouse, sql: str) -> Any:
    return (await clickhouse.select(sql)).columns[0][0]


async def rows(clickhouse: ClickHouse, sql: str) -> list[tuple[Any, ...]]:
    return list(zip(*(await clickhouse.select(sql)).columns, strict=True))


async def test_all_that_is_declared_is_there(warehouse: ClickHouse) -> None:
    declared = {n for m in read("clickhouse") for n in (*tables(m.template), *views(m.template))}
    there = await rows(warehouse, "SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert {row[0] for row in there} == declared | {"schema_migrations", "schema_lease"}


@pytest.mark.parametrize("kind", LANDING)
async def test_a_landing_table_has_the_columns_that_inserts_are_made_of(
    warehouse: ClickHouse, kind: str
) -> None:
    block = await warehouse.select(f"DESCRIBE landing_{kind}")
    described = list(zip(block.columns[0], block.columns[1], strict=True))
    assert described == [tuple(column) for column in (*COMMON, *LANDING[kind])]


@pytest.mark.parametrize("target", [Target("rides", "main", {"metrics": 1, "location": 1, "aggregates": 1})])
async def test_the_engine_can_parse_every_statement_for_a_cluster(
    clickhouse: ClickHouse, target: Target
) -> None:
    statements = [s for migration in read("clickhouse") for s in render(migration.template, target)]
    for sql in statements:
        await clickhouse.select("SELECT formatQuery({sql:String})", {"sql": sql})


async def test_each_event_is_in_events_raw(warehouse: ClickHouse) -> None:
    await store(warehouse, one_of_each())
    assert await value(warehouse, "SELECT uniqExact(event_type) FROM events_raw") == 19


async def test_each_event_is_in_its_typed_table(warehouse: ClickHouse) -> None:
    await store(warehouse, one_of_each())
    found = {
        kind: await rows(warehouse, f"SELECT event_type FROM {kind}_events ORDER BY 1") for kind in TYPES
    }
    assert found == {kind: [(event_type,) for event_type in sorted(types)] for kind, types in TYPES.items()}


async def test_events_raw_names_entity_and_first_actor(warehouse: ClickHouse) -> None:
    await store(warehouse, [event("booking.completed", **RIDE)])
    stored = await rows(warehouse, "SELECT entity_type, entity_id, user_id FROM events_raw")
    assert stored == [("booking", BOOKING, RIDER)]


async def test_money_is_stored_exactly(warehouse: ClickHouse) -> None:
    await store(warehouse, [event("booking.created", **RIDE, total_price="999999999999.99")])
    stored = await value(warehouse, "SELECT total_price FROM booking_events")
    assert stored == Decimal("999999999999.99")


async def test_a_repeated_insert_adds_nothing_anywhere(warehouse: ClickHouse) -> None:
    events = one_of_each()
    await store(warehouse, events)
    before = await counts(warehouse)
    await store(warehouse, events)
    assert await counts(warehouse) == before


async def counts(clickhouse: ClickHouse) -> Mapping[str, int]:
    """Rows of every table that keeps any, and the messages that the realtime table counts."""
    names = {t for m in read("clickhouse") for t in tables(m.template) if not t.startswith("landing_")}
    found = {
        name: await value(clickhouse, f"SELECT count() FROM {name} {'FINAL' if name in FACTS else ''}")
        for name in sorted(names)
    }
    assert all(found.values()), found
    return {**found, "events": await value(clickhouse, "SELECT sum(events) FROM hourly_realtime_metrics")}


# What of each table is compared: states as what they come to.
FACTS = {
    "daily_user_metrics": "*",
    "daily_booking_metrics": "*",
    "daily_payment_metrics": "*",
    "daily_trip_metrics": "*",
    "route_history": "*",
    "actor_activity": "*",
    "agg_popular_routes": "* EXCEPT events",
    "agg_payments": "* EXCEPT events",
    "agg_trips": "* EXCEPT events",
    "agg_driver_earnings": "*",
    "agg_geographic_metrics": "*",
    "agg_booking_payments": "*, id_hash",
    "hourly_realtime_metrics": "minute, event_type, finalizeAggregation(entities), newest",
}


@pytest.mark.parametrize(
    "file", ["0008_outcomes.sql", "0010_places.sql", "0014_booking_payments.sql", "0015_departures.sql"]
)
async def test_what_was_stored_before_a_migration_is_in_the_tables_that_it_makes(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings, warehouse: ClickHouse, file: str
) -> None:
    told: dict[str, Any] = {
        "scheduled_departure": AT,
        "seats_booked": 2,
        "pickup_lat": 6.5,
        "pickup_lon": 3.4,
    }
    again = [
        event("booking.created", AT + timedelta(minutes=n), **RIDE | {"route_id": str(uuid4())}, **told)
        for n in (5, -5)
    ]
    events = [*one_of_each(), *again]
    files = read("clickhouse")
    before = [migration for migration in files if migration.name < file]
    await apply(clickhouse, before, warehouse_settings)
    await store(clickhouse, events)
    await apply(clickhouse, files, warehouse_settings)
    await store(warehouse, events)
    migrated, made = [{table: await merged(w, table) for table in FACTS} for w in (clickhouse, warehouse)]
    assert migrated == made


async def test_how_much_is_stored_is_read_from_hours(warehouse: ClickHouse) -> None:
    await store(warehouse, [event("booking.created", AT, **RIDE)])
    asked = {"since": AT - timedelta(days=1), "until": AT + timedelta(days=1)}
    only_hours = "SETTINGS force_optimize_projection_name = 'hours'"  # an error if it is not used
    found = await warehouse.select(f"{statement('metrics/stored')} {only_hours}", asked)
    assert found.dicts() == [{"event_type": "booking.created", "inside": 1, "events": 1}]


async def test_what_questions_are_asked_of_becomes_one_part(warehouse: ClickHouse) -> None:
    merged_in_time = await rows(
        warehouse,
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine_full LIKE '%min_age_to_force_merge_seconds = 300%'",
    )
    assert {row[0] for row in merged_in_time} == set(FACTS)


async def test_events_stored_twice_far_apart_are_the_same_facts(warehouse: ClickHouse) -> None:
    events = one_of_each()
    await store(warehouse, events, token="once")
    before = {table: await merged(warehouse, table) for table in FACTS}
    await store(warehouse, events, token="again")
    assert {table: await merged(warehouse, table) for table in FACTS} == before


async def merged(clickhouse: ClickHouse, table: str) -> list[tuple[Any, ...]]:
    return await rows(clickhouse, f"SELECT {FACTS[table]} FROM {table} FINAL ORDER BY ALL")


ACTORS = [
    (event("user.registered", user_id=USER), {("registration", USER)}),
    (event("user.upgraded_to_driver", user_id=USER), {("upgrade", USER)}),
    (event("user.kyc_verified", user_id=USER), set()),
    (event("booking.created", **RIDE), {("ride", RIDER)}),
    (event("booking.confirmed", **RIDE), {("ride", RIDER)}),
    (event("booking.completed", **RIDE), {("ride", RIDER), ("drive", DRIVER)}),
    (event("booking.cancelled", **RIDE, cancelled_by="RIDER"), {("ride", RIDER)}),
    (event("booking.cancelled", **RIDE, cancelled_by="DRIVER"), {("drive", DRIVER)}),
    (event("booking.cancelled", **RIDE, cancelled_by="SYSTEM"), set()),
    (event("payment.initiated", payment_id=PAYMENT, booking_id=BOOKING, rider_id=RIDER), {("ride", RIDER)}),
    (event("payment.failed", payment_id=PAYMENT, booking_id=BOOKING, rider_id=RIDER), {("ride", RIDER)}),
    (event("payment.refunded", payment_id=PAYMENT, booking_id=BOOKING, rider_id=RIDER), set()),
    (event("trip.started", trip_id=TRIP, **RIDE), {("ride", RIDER), ("drive", DRIVER)}),
    (event("trip.cancelled", trip_id=TRIP, **RIDE, cancelled_by="RIDER"), {("ride", RIDER)}),
    (event("trip.cancelled", trip_id=TRIP, **RIDE, cancelled_by="SYSTEM"), set()),
    (event("route.updated", route_id=ROUTE, driver_id=DRIVER, route_name="r"), {("drive", DRIVER)}),
    (event("driver.location.updated", driver_id=DRIVER, lat=0.0, lon=0.0), {("drive", DRIVER)}),
]


@pytest.mark.parametrize(("acted", "who"), ACTORS, ids=[f"{e['event_type']}-{len(w)}" for e, w in ACTORS])
async def test_who_acts(warehouse: ClickHouse, acted: dict[str, Any], who: set[tuple[str, str]]) -> None:
    await store(warehouse, [acted])
    found = await rows(warehouse, "SELECT act, toString(actor) FROM actor_activity")
    assert set(found) == who


async def test_activity_knows_the_moment_within_its_quarter(warehouse: ClickHouse) -> None:
    await store(warehouse, [event("booking.created", **RIDE)])
    found = await rows(warehouse, "SELECT toString(quarter), moments FROM actor_activity")
    assert found == [(f"{YESTERDAY} 08:00:00", [450_250])]


async def test_uuids_sort_as_text_by_their_number(warehouse: ClickHouse) -> None:
    ids = [str(uuid4()) for _ in range(200)]
    block = await warehouse.select(
        "SELECT toString(arrayJoin(arraySort(x -> UUIDToNum(x), {ids:Array(UUID)})))",
        {"ids": [UUID(i) for i in ids]},
    )
    assert block.columns[0] == sorted(ids)


async def test_the_duplicate_window_is_one_range_of_the_key(warehouse: ClickHouse) -> None:
    await store(warehouse, [event("booking.created", **RIDE)])
    block = await warehouse.select(
        "EXPLAIN indexes = 1 SELECT event_id FROM recent_event_ids WHERE kafka_topic = 'x' "
        "AND kafka_partition = 0 AND kafka_epoch = 'test' AND kafka_offset < 9 ORDER BY kafka_offset DESC LIMIT 5"
    )
    plan = "\n".join(block.columns[0])
    assert "Condition: and(" in plan
    assert "(kafka_offset in (-Inf, 8])" in plan


EXTREMES: dict[str, list[Any]] = {
    "String": ["", "\0\r\n'\\{}", "x" * 100_000, "\U0001f600"],
    "UUID": [UUID(int=0), UUID(int=2**128 - 1)],
    "UInt8": [0, 255],
    "UInt32": [0, 2**32 - 1],
    "UInt64": [0, 2**64 - 1],
    "Float64": [0.0, -0.0, 1.7e308, -1.7e308, 5e-324, float("inf"), float("nan")],
    "Bool": [True, False],
    "Decimal(14, 2)": [Decimal("999999999999.99"), Decimal("-999999999999.99"), Decimal(0)],
    "DateTime64(3, 'UTC')": [
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
    "Array(String)": [[], ["x"] * 1000],
}


@pytest.mark.parametrize("kind", TYPES)
async def test_no_value_can_make_a_view_throw(warehouse: ClickHouse, kind: str) -> None:
    for event_type in (*TYPES[kind], "unknown.type"):
        await warehouse.insert(
            f"landing_{kind}", extremes(kind, event_type), token=f"extremes {event_type}", timeout=30
        )
    assert await value(warehouse, "SELECT count() FROM recent_event_ids") == 12 * (len(TYPES[kind]) + 1)


def extremes(kind: str, event_type: str) -> dict[str, list[Any]]:
    """Rows in which each column takes each of its extreme values, NULL among them, in turn."""
    block: dict[str, list[Any]] = {}
    for column in (*COMMON, *LANDING[kind]):
        inner = (
            column.type.removeprefix("Nullable(").removesuffix(")")
            if "Nullable" in column.type
            else column.type
        )
        choices: list[Any] = [*EXTREMES[inner], *([None] if "Nullable" in column.type else [])]
        block[column.name] = [choices[n % len(choices)] for n in range(12)]
    block["event_type"] = [event_type] * 12
    block["event_id"] = [UUID(int=2**128 - 1 - n) for n in range(12)]
    return block


async def test_sums_of_money_do_not_overflow(warehouse: ClickHouse) -> None:
    events = [event("booking.created", **RIDE, total_price="999999999999.99") for _ in range(1000)]
    await store(warehouse, events)
    total = await value(warehouse, "SELECT sum(total_price) FROM daily_booking_metrics")
    assert total == Decimal("999999999999990.00")


async def test_what_creations_of_a_booking_agree_on_is_known_by_its_outcome(warehouse: ClickHouse) -> None:
    told = {**RIDE, "seats_booked": 2, "scheduled_departure": AT + timedelta(days=1)}
    await store(warehouse, [event("booking.created", AT + timedelta(hours=1), **told)], token="1")
    await store(warehouse, [event("booking.created", **told), event("booking.confirmed", **RIDE)], token="2")
    found = await rows(
        warehouse,
        "SELECT route_id, scheduled_departure, seats_booked, details_least = details_most, seen, events "
        "FROM agg_popular_routes FINAL",
    )
    assert found == [(UUID(RIDE["route_id"]), told["scheduled_departure"], 2, 1, 3, 3)]


@pytest.mark.parametrize(
    "other",
    [
        {"route_id": str(UUID(int=9))},
        {"seats_booked": 3},
        {"scheduled_departure": AT},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_that_creations_of_a_booking_differ_is_known(
    warehouse: ClickHouse, other: dict[str, Any]
) -> None:
    told = {**RIDE, "seats_booked": 2, "scheduled_departure": AT + timedelta(days=1)}
    await store(warehouse, [event("booking.created", **told)], token="1")
    await store(warehouse, [event("booking.created", **told | other)], token="2")
    assert await value(
        warehouse, "SELECT countIf(details_least < details_most) FROM agg_popular_routes FINAL"
    )


async def test_a_row_past_its_retention_goes(warehouse: ClickHouse, shared_settings: tree.Settings) -> None:
    days = shared_settings.retention.metrics_days + 1
    await store(warehouse, [event("booking.created", **RIDE)])
    await warehouse.execute(
        "ALTER TABLE events_raw UPDATE ingested_at = ingested_at - toIntervalDay({days:UInt32}) WHERE 1",
        {"days": days},
        settings={"mutations_sync": 1},
    )

    async with asyncio.timeout(15):
        while await value(warehouse, "SELECT count() FROM events_raw"):
            # Does nothing where the server is at it already.
            await warehouse.execute("OPTIMIZE TABLE events_raw FINAL")
    assert await value(warehouse, "SELECT count() FROM daily_booking_metrics") == 1


def test_columns_are_in_the_order_of_the_table() -> None:
    built = list(columns("booking", [event("booking.created", **RIDE)]))
    assert built == [column.name for column in (*COMMON, *LANDING["booking"])]
