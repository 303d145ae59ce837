"""Reports, as schemathesis asks for them: what a schema cannot say of them is put right here.

A name is one line of printable characters; a key that came before has to come with the same request; and there is only
the schedule that the test had made, whose id is in SCHEDULE_ID, with a run whose id is in EXECUTION_ID.
"""

import hashlib
import json
import os
from typing import Any
from uuid import uuid4

_SCHEDULES = "/v1/reports/schedule"
_OF_ONE = _SCHEDULES + "/{schedule_id}"
_OF_A_RUN = "/v1/reports/executions/{execution_id}"


def keep(case: Any) -> None:
    """The one schedule that there is: ids that answers have told are asked for again, to be deleted too."""
    if case.method == "DELETE" and str(case.path_parameters.get("schedule_id")) == os.environ["SCHEDULE_ID"]:
        case.path_parameters["schedule_id"] = str(uuid4())


def put_right(case: Any) -> None:
    """Of a question that is meant to be answered."""
    path = case.operation.path
    if path.startswith(_OF_ONE) and case.method != "DELETE":
        case.path_parameters["schedule_id"] = os.environ["SCHEDULE_ID"]
    elif path == _OF_A_RUN:
        case.path_parameters["execution_id"] = os.environ["EXECUTION_ID"]
    if path in (_SCHEDULES, _OF_ONE) and isinstance(case.body, dict):
        for name in ("report_name", "description"):
            if isinstance(case.body.get(name), str):
                case.body[name] = _printable(case.body[name])
    if path == _SCHEDULES and "Idempotency-Key" in case.headers:
        said = json.dumps(case.body, sort_keys=True).encode()
        case.headers["Idempotency-Key"] = hashlib.sha256(said).hexdigest()


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip() or "report"
