"""From what was asked for to what is to be done: defaults filled in, names and values checked."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from openride_analytics.errors import Invalid, quotable
from openride_analytics.exports.catalog import SOURCES, Source
from openride_analytics.exports.columns import Column, Kind
from openride_analytics.exports.names import file_name
from openride_analytics.schema.exports import Compression, Dataset, ExportRequest, Format
from openride_analytics.settings import Api
from openride_analytics.stats import periods
from openride_analytics.stats.periods import Period
from openride_analytics.store.binding import DATE_YEARS, MOMENT_YEARS


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides a file. `since`, `until`: half-open, of a dataset of days whole local ones; `filters`: by
    column, values as text (None: null); `limit`: rows at most."""

    dataset: Dataset
    format: Format
    compression: Compression
    columns: tuple[str, ...]
    filters: dict[str, list[str | None]]
    since: datetime
    until: datetime
    zone: str
    limit: int
    filename: str
    currency: str

    @property
    def period(self) -> Period:
        """What the dates meant."""
        return Period(self.since, self.until, periods.zone(self.zone))

    @property
    def chosen(self) -> list[Column]:
        """The columns, in the order in which they are written."""
        source = SOURCES[self.dataset]
        return [column for name in self.columns if (column := source.column(name)) is not None]


def understand(
    asked: ExportRequest,
    *,
    api: Api,
    most_rows: int,
    personal: bool,
    now: datetime,
    filters_in: str = "filters.",
) -> Order:
    """`personal`: whether columns that may tell who somebody is are in the file if none are named; `filters_in`: what
    stands before a filter's name in the request.

    Raises a group of Invalid, naming the fields.
    """
    source = SOURCES[asked.dataset]
    problems: list[Invalid] = []
    period = _period(asked, api, now, problems)
    columns = _columns(source, asked.columns, problems, personal=personal)
    filters = {
        name: values
        for name, given in asked.filters.items()
        if (values := _filter(source, name, given, problems, f"{filters_in}{quotable(name)}")) is not None
    }
    if asked.row_limit is not None and asked.row_limit > most_rows:
        problems.append(Invalid("row_limit", "is too large", f"at most {most_rows}"))
    if asked.compression is Compression.GZIP and asked.format not in (Format.CSV, Format.JSONL):
        problems.append(Invalid("compression", "is for csv and jsonl only", "none"))
    if problems or period is None:
        raise ExceptionGroup("export", problems)
    return Order(
        dataset=asked.dataset,
        format=asked.format,
        compression=asked.compression,
        columns=columns,
        filters=filters,
        since=period.since,
        until=period.until,
        zone=period.zone.key,
        limit=asked.row_limit or most_rows,
        filename=file_name(asked, period),
        currency=api.default_currency,
    )


def personal_columns(asked: ExportRequest) -> list[str]:
    """Those of the columns named, for the file or in a filter, that may tell who somebody is."""
    named = {*(asked.columns or ()), *asked.filters}
    return [
        column.name for column in SOURCES[asked.dataset].columns if column.personal and column.name in named
    ]


def defaults(source: Source, *, personal: bool) -> list[str]:
    """The columns of a file if none are named."""
    return [
        column.name
        for column in source.columns
        if not column.bookkeeping and (personal or not column.personal)
    ]


def _period(asked: ExportRequest, api: Api, now: datetime, problems: list[Invalid]) -> Period | None:
    try:
        zone = periods.zone(asked.timezone or api.analytics_timezone)
        found = periods.period(
            asked.start_date, asked.end_date, zone=zone, now=now, max_days=api.max_range_days
        )
    except Invalid as error:
        problems.append(error)
        return None
    if SOURCES[asked.dataset].table is not None:
        return found
    first, after = found.first_day, found.last_day + timedelta(days=1)
    return Period(periods.day_start(first, zone), periods.day_start(after, zone), zone)


def _columns(
    source: Source, named: Sequence[str] | None, problems: list[Invalid], *, personal: bool
) -> tuple[str, ...]:
    if named is None:
        return tuple(defaults(source, personal=personal))
    known = ", ".join(column.name for column in source.columns)
    unknown = [name for name in named if source.column(name) is None]
    if unknown:
        problems.append(Invalid("columns", f"{quotable(unknown[0])} is not a column of this dataset", known))
    elif len(set(named)) < len(named):
        problems.append(Invalid("columns", "a column is named more than once", "each once"))
    return tuple(named)


def _filter(
    source: Source, name: str, given: Any, problems: list[Invalid], field: str
) -> list[str | None] | None:
    column = source.column(name)
    if column is None or not filterable(column):
        known = ", ".join(column.name for column in source.columns if filterable(column))
        problems.append(Invalid(field, "cannot be filtered by", known))
        return None
    values = given if isinstance(given, list) else [given]
    try:
        return [None if value is None else _value(column, value) for value in values]
    except (ValueError, InvalidOperation, OverflowError):
        problems.append(Invalid(field, "is not a value of this column", ALLOWED[column.kind]))
        return None


def filterable(column: Column) -> bool:
    """Whether rows may be chosen by it."""
    return not column.derived and column.kind is not Kind.LIST


def _span(years: range) -> str:
    return f"{years[0]} to {years[-1]}"


ALLOWED: Final = {
    Kind.UUID: "a UUID",
    Kind.TEXT: "text",
    Kind.LABEL: "text",
    Kind.INTEGER: "an integer",
    Kind.FLOAT: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.MONEY: "a decimal with at most two places",
    Kind.INSTANT: f"an RFC 3339 time with an offset, years {_span(MOMENT_YEARS)}",
    Kind.DATE: f"an ISO 8601 date, years {_span(DATE_YEARS)}",
}


def _value(column: Column, value: object) -> str:
    """The value as text that `parsed` reads. Raises ValueError, ArithmeticError."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if column.kind in (Kind.TEXT, Kind.LABEL):
        if not isinstance(value, str):
            raise ValueError
        text.encode()  # a surrogate is no character
        return text
    if column.kind is Kind.UUID and re.fullmatch(r"[0-9a-fA-F-]{36}", text) is None:
        raise ValueError
    parsed(column, text)
    return text


def parsed(column: Column, text: str) -> Any:
    """A filter's value as it is bound. Raises ValueError, ArithmeticError."""
    match column.kind:
        case Kind.UUID:
            return UUID(text)
        case Kind.INTEGER:
            return _integer(column, text)
        case Kind.FLOAT:
            return _finite(float(text))
        case Kind.BOOLEAN:
            return int({"false": False, "true": True}[text]) if text in ("false", "true") else _wrong()
        case Kind.MONEY:
            return _money(text)
        case Kind.INSTANT:
            moment = datetime.fromisoformat(text)
            known = moment.tzinfo is not None and moment.astimezone(UTC).year in MOMENT_YEARS
            return moment if known else _wrong()
        case Kind.DATE:
            day = date.fromisoformat(text)
            return day if day.year in DATE_YEARS else _wrong()
        case _:
            return text


def _integer(column: Column, text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,20}", text) is None:
        raise ValueError
    bits = int(re.sub(r"\D", "", column.integer))
    low, high = (0, 1 << bits) if column.integer.startswith("U") else (-(1 << bits - 1), 1 << bits - 1)
    return number if low <= (number := int(text)) < high else _wrong()


def _finite(number: float) -> float:
    return number if abs(number) < float("inf") else _wrong()


def _money(text: str) -> str:
    if re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]{1,2})?", text) is None:
        raise ValueError
    return str(Decimal(text))


def _wrong() -> Any:
    raise ValueError
