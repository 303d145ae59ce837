"""The errors that modules raise for others, split by what whoever catches them must do. What only one other catches, by
its name, is defined where it is raised.

OpenRideError
├── Rejected    this message can never be stored: dead-letter it, go on
├── Invalid     somebody's input is wrong (a query, a setting, a flag): tell them which field and what is allowed
├── TooMuch     a question costs more than one may: tell them to ask for less; asked again it would be the same
├── Retryable   a dependency failed or is away: keep what you have, try again later
│   └── Ambiguous   the same, but the work may have been done: repeat it only where repeating changes nothing
└── Fatal       this process cannot go on correctly: stop it and say why
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a message can never be stored: the closed set of the `dlq.reason` header."""

    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_EVENT_TYPE = "missing_event_type"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    WRONG_TOPIC = "wrong_topic"
    SCHEMA_VIOLATION = "schema_violation"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    TOO_LARGE = "too_large"
    REJECTED_BY_CLICKHOUSE = "rejected_by_clickhouse"


class OpenRideError(Exception):
    """Root of the tree; never raised itself."""


class Rejected(OpenRideError):  # noqa: N818 - the name says what happened to the message
    """A message that can never be stored. `detail` names the field and what was expected, never the payload."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Invalid(OpenRideError):  # noqa: N818
    """Wrong input: `field` (parameter or variable name), `problem`, and what is `allowed`."""

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))
        self.field = field
        self.problem = problem
        self.allowed = allowed


def quotable(name: str) -> str:
    """A name that somebody else chose, fit to be quoted."""
    return "".join(char if char.isprintable() else "?" for char in name[:64])


class TooMuch(OpenRideError):  # noqa: N818
    """A question that was stopped for what it costs. `limit` is what it had too much of, in words: "time"."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"more {limit} than one question may have")
        self.limit = limit


class Retryable(OpenRideError):  # noqa: N818
    """`dependency` (as kafka, clickhouse, redis) failed; the same call may succeed later."""

    def __init__(self, dependency: str, problem: str) -> None:
        super().__init__(f"{dependency}: {problem}")
        self.dependency = dependency
        self.problem = problem


class Ambiguous(Retryable):
    """The call may or may not have taken effect: repeat it only if repeating is idempotent."""


class Fatal(OpenRideError):  # noqa: N818
    """The process cannot go on correctly."""
