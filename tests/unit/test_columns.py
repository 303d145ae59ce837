"""The landing columns fit the structs, and the rows they hold are the events'."""

from datetime import datetime
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import pytest

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.columns import COMMON, LANDING, Column, columns_of
from openride_analytics.schema.events import ENTITY, KINDS, Event, event_type
from openride_analytics.schema.fields import field_types
from openride_analytics.schema.types import Count, Milliseconds, Seats
from tests.support.events import NOW, message, stream


def _events(kind: str, n: int = 40) -> list[Event]:
    """Events of every type of a kind, minimal and full, mixed."""
    decode = Decoder(kind, 1 << 20, 730)
    names = [event_type(struct) for struct in KINDS[kind]]
    return [
        decode(message(names[i % len(names)], seed=i, full=i % 3 == 0), NOW.timestamp()) for i in range(n)
    ]


def _clickhouse_type(hint: Any) -> str:
    """The plain column type for a field's type; a text type for whatever is none of the others."""
    for ours, theirs in ((Seats, "UInt8"), (Count, "UInt32"), (Milliseconds, "UInt64")):
        if hint == ours or ours in get_args(hint):
            return theirs
    said = str(hint)
    if said.startswith("list"):
        return "Array(String)"
    plain = {
        "UUID": "UUID",
        "Decimal": "Decimal(14, 2)",
        "datetime": "DateTime64(3, 'UTC')",
        "float": "Float64",
        "bool": "Bool",
    }
    return next((theirs for ours, theirs in plain.items() if ours in said), "String")


COLUMNS = [
    pytest.param(kind, column, id=f"{kind}-{column.name}") for kind in LANDING for column in LANDING[kind]
]


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_a_column_has_the_type_that_its_fields_ask_for(kind: str, column: Column) -> None:
    hints = [field_types(struct).get(column.name) for struct in KINDS[kind]]
    plain = {_clickhouse_type(hint) for hint in hints if hint is not None}
    nullable = any(hint is None or type(None) in get_args(hint) for hint in hints)
    wanted = {
        f"Nullable({type_})" if nullable and not type_.startswith("Array") else type_ for type_ in plain
    }
    assert wanted == {column.type}


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_lacks_a_column(kind: str) -> None:
    named = {name for struct in KINDS[kind] for name in struct.__struct_fields__}
    assert {column.name for column in LANDING[kind]} == named - {"event_id", "event_timestamp"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_column_is_there_twice(kind: str) -> None:
    names = [column.name for column in (*COMMON, *LANDING[kind])]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_has_a_value_a_row(kind: str) -> None:
    columns, order = columns_of(kind, _events(kind))
    assert {name: len(values) for name, values in columns.items()} == dict.fromkeys(columns, len(order))


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_are_the_typed_ones_and_what_an_event_knows_itself(kind: str) -> None:
    columns, _ = columns_of(kind, _events(kind))
    itself = {"event_type", "event_timestamp", "entity_id", "actor_id"}
    assert set(columns) == itself | {column.name for column in LANDING[kind]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_a_permutation(kind: str) -> None:
    events = _events(kind)
    assert sorted(columns_of(kind, events)[1]) == list(range(len(events)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_holds_the_values_of_its_event(kind: str) -> None:
    events = _events(kind)
    columns, order = columns_of(kind, events)
    for i, row in enumerate(order):
        for column in LANDING[kind]:
            absent: object = [] if column.type.startswith("Array") else None
            assert columns[column.name][i] == getattr(events[row], column.name, absent), column


@pytest.mark.parametrize("kind", KINDS)
def test_the_types_of_a_row_are_its_events(kind: str) -> None:
    events = _events(kind)
    columns, order = columns_of(kind, events)
    assert columns["event_type"] == [event_type(type(events[row])) for row in order]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_one_type_lie_together_in_their_order(kind: str) -> None:
    events = _events(kind)
    _, order = columns_of(kind, events)
    structs = list(KINDS[kind])
    assert order == sorted(range(len(events)), key=lambda row: (structs.index(type(events[row])), row))


@pytest.mark.parametrize("kind", KINDS)
def test_the_entity_is_what_the_kind_is_about(kind: str) -> None:
    events = _events(kind)
    columns, order = columns_of(kind, events)
    assert columns["entity_id"] == [getattr(events[row], ENTITY[kind].field) for row in order]


def test_nobody_acts_in_a_kyc_verdict_although_it_has_a_user() -> None:
    events = [event for event in _events("user") if event_type(type(event)) == "user.kyc_verified"]
    columns, _ = columns_of("user", events)
    assert set(columns["actor_id"]) == {None}


def test_the_same_events_make_the_same_columns() -> None:
    events = _events("trip")
    assert columns_of("trip", events) == columns_of("trip", list(events))


def test_no_events_make_empty_columns() -> None:
    columns, order = columns_of("trip", [])
    assert (order, {len(values) for values in columns.values()}) == ([], {0})


_VALUES: dict[str, type | tuple[type, ...]] = {
    "UUID": UUID,
    "String": str,
    "Decimal(14, 2)": Decimal,
    "DateTime64(3, 'UTC')": datetime,
    "Float64": float,
    "Bool": bool,
    "UInt8": int,
    "UInt32": int,
    "UInt64": int,
    "Array(String)": list,
}


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_the_values_of_a_column_are_of_its_type(kind: str, column: Column) -> None:
    columns, _ = columns_of(kind, _events(kind))
    plain = (
        column.type.removeprefix("Nullable(").removesuffix(")") if "Nullable" in column.type else column.type
    )
    given = [value for value in columns[column.name] if value is not None or plain == column.type]
    assert all(isinstance(value, _VALUES[plain]) for value in given)


def test_a_life_like_stream_fits_its_columns() -> None:
    rows = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        decode = Decoder(kind, 1 << 20, 730)
        events = [decode(value, NOW.timestamp()) for of, value in stream(300) if of == kind]
        rows[kind] = len(columns_of(kind, events)[1])
    assert sum(rows.values()) == 300
