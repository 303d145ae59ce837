"""Exports, as schemathesis asks for them: what a schema cannot say of them is put right here.

Which columns there are depends on the dataset; a key that came before has to come with the same request; and of files
there is only the one that the test had made, whose id is in EXPORT_ID.
"""

import hashlib
import json
import os
from typing import Any

from openride_analytics.exports.catalog import SOURCES
from openride_analytics.schema.exports import Dataset

MAX_ROWS = 100_000
_PARAMETERS = ("dataset", "start_date", "end_date", "timezone", "columns")
_HAVING = ("/v1/exports/{export_id}/status", "/v1/exports/{export_id}/download")


def can_be_made(asked: dict[str, Any]) -> bool:
    """Whether the body of a request has what only words say: a format that can be compressed, rows not too many."""
    packed = asked.get("compression") == "gzip" and asked.get("format") not in ("csv", "jsonl")
    limit = asked.get("row_limit")
    return not packed and not (isinstance(limit, int | float) and limit > MAX_ROWS)


def put_right(case: Any) -> None:
    """Of a question that is meant to be answered."""
    if case.operation.path in _HAVING and case.method == "GET":
        case.path_parameters["export_id"] = os.environ["EXPORT_ID"]
    elif case.operation.path == "/v1/exports/quick/csv":
        known = {name: value for name, value in case.query.items() if name in _PARAMETERS}
        columns = _columns(known.get("dataset"), len(str(known.get("columns"))) or 1)
        case.query = known | ({"columns": ",".join(columns)} if "columns" in known else {})
    elif case.operation.path == "/v1/exports/request" and isinstance(case.body, dict):
        _put_right(case.body)
        if "Idempotency-Key" in case.headers:
            said = json.dumps(case.body, sort_keys=True).encode()
            case.headers["Idempotency-Key"] = hashlib.sha256(said).hexdigest()


def _put_right(body: dict[str, Any]) -> None:
    if body.get("columns"):
        body["columns"] = _columns(body["dataset"], len(body["columns"]))
    if body.get("filters"):
        name = _columns(body["dataset"], 1)[0]
        body["filters"] = {name: _VALUES[name]}


def _columns(dataset: object, count: int) -> list[str]:
    return [column.name for column in SOURCES[Dataset(str(dataset))].columns][:count]


_VALUES = {"event_id": ["0d9d3a52-6f0c-4a5e-9a55-0d7d7a3f3c11"], "date": "2026-10-01"}
