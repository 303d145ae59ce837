"""What is said of a body that is not as it should be."""

from typing import Any

import msgspec
import pytest

from openride_analytics.api.bodies import decoded
from openride_analytics.api.problems import Unprocessable
from openride_analytics.schema.exports import ExportRequest
from openride_analytics.schema.reports import ScheduleRequest

EXPORT: dict[str, Any] = {"dataset": "booking_events", "format": "csv"}
SCHEDULE: dict[str, Any] = {
    "report_name": "Bookings of the week",
    "owner_email": "ada@example.com",
    "report_type": "booking_metrics",
    "frequency": "weekly",
    "format": "csv",
    "recipients": ["ada@example.com"],
}


class Sent:
    """As much of a request as a body is read from."""

    def __init__(self, body: object) -> None:
        self.headers: dict[str, str] = {}
        self._body = msgspec.json.encode(body)

    async def body(self) -> bytes:
        return self._body


@pytest.mark.parametrize(
    ("struct", "body", "field", "problem", "allowed"),
    [
        (ExportRequest, {"format": "csv"}, "dataset", "is missing", "booking_events, booking_metrics, "),
        (ExportRequest, EXPORT | {"format": "pdf"}, "format", "Invalid", "csv, excel, jsonl, parquet"),
        (
            ExportRequest,
            EXPORT | {"start": "x"},
            "start",
            "is not a field of this",
            "dataset, format, start_",
        ),
        (
            ExportRequest,
            EXPORT | {"row_limit": 0},
            "row_limit",
            "Expected",
            "an integer of at least 1 or null",
        ),
        (ExportRequest, EXPORT | {"columns": []}, "columns", "Expected", "a list of 1 to 100 or null"),
        (ExportRequest, EXPORT | {"columns": [1]}, "columns[0]", "Expected", "a string of at most 500 char"),
        (
            ExportRequest,
            EXPORT | {"filters": {"x": []}},
            "filters[...]",
            "Expected",
            "a string of at most 500 ",
        ),
        (
            ScheduleRequest,
            SCHEDULE | {"report_name": ""},
            "report_name",
            "Expected",
            "a string of 1 to 200 char",
        ),
        (ScheduleRequest, SCHEDULE | {"recipients": [1]}, "recipients[0]", "Expected", "an e-mail address"),
        (ExportRequest, EXPORT | {"filters": {"x" * 501: 1}}, "filters", "Expected", "an object"),
        (
            ExportRequest,
            EXPORT | {"filters": {"x": [[]]}},
            "filters[...][0]",
            "Expected",
            "a string of at most 5",
        ),
        (ExportRequest, EXPORT | {"x` - at `$.y": 1}, "y.x", "is not a field of this", ""),
        (ScheduleRequest, SCHEDULE | {"active": 1}, "active", "Expected", "true, false"),
        (
            ScheduleRequest,
            SCHEDULE | {"parameters": 1},
            "parameters",
            "Expected",
            "an object of timezone, time, ",
        ),
        (
            ScheduleRequest,
            SCHEDULE | {"parameters": {"day": 32}},
            "parameters.day",
            "Expected",
            "an integer from 1 to 31",
        ),
        (
            ScheduleRequest,
            SCHEDULE | {"parameters": {"at": "08:00"}},
            "parameters.at",
            "is not a field of this",
            "timezone, time, weekday, day, attach",
        ),
    ],
)
async def test_a_wrong_field_is_named_and_told_what_is_allowed(
    struct: type[msgspec.Struct], body: dict[str, Any], field: str, problem: str, allowed: str
) -> None:
    with pytest.raises(Unprocessable) as caught:
        await decoded(Sent(body), struct)  # type: ignore[arg-type]
    (error,) = caught.value.errors
    assert (error.field, error.problem[: len(problem)], error.allowed[: len(allowed)]) == (
        field,
        problem,
        allowed,
    )


async def test_a_body_that_is_no_object_is_told_its_fields() -> None:
    with pytest.raises(Unprocessable) as caught:
        await decoded(Sent([]), ExportRequest)  # type: ignore[arg-type]
    (error,) = caught.value.errors
    assert (error.field, error.allowed[:27]) == ("body", "an object of dataset, forma")
