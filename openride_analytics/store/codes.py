"""ClickHouse's error codes → this package's errors: the one place that decides what a server error means.

A code that is in no table here is a `ServerFailure`: it is retried, and logged with its code.
"""

import logging
from typing import Final

from openride_analytics.errors import OpenRideError, Retryable

logger = logging.getLogger("openride.store.clickhouse")

# The rows themselves are refused: sending them again changes nothing.
_DATA: Final = {
    6: "CANNOT_PARSE_TEXT",
    25: "CANNOT_PARSE_ESCAPE_SEQUENCE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    153: "ILLEGAL_DIVISION",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    248: "INVALID_PARTITION_VALUE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    376: "CANNOT_PARSE_UUID",
    407: "DECIMAL_OVERFLOW",
    467: "CANNOT_PARSE_BOOL",
    469: "VIOLATED_CONSTRAINT",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
}

# The tables are not those this version was written for: wait for a migration.
_SCHEMA: Final = {
    7: "INCORRECT_NUMBER_OF_COLUMNS",
    8: "THERE_IS_NO_COLUMN",
    10: "NOT_FOUND_COLUMN_IN_BLOCK",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    20: "NUMBER_OF_COLUMNS_DOESNT_MATCH",
    43: "ILLEGAL_TYPE_OF_ARGUMENT",
    44: "ILLEGAL_COLUMN",
    46: "UNKNOWN_FUNCTION",
    47: "UNKNOWN_IDENTIFIER",
    50: "UNKNOWN_TYPE",
    53: "TYPE_MISMATCH",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    122: "INCOMPATIBLE_COLUMNS",
    171: "BLOCKS_HAVE_DIFFERENT_STRUCTURE",
    218: "TABLE_IS_DROPPED",
    386: "NO_COMMON_TYPE",
}

# Known to pass, by itself or by an operator's hand.
_PASSING: Final = {
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    62: "SYNTAX_ERROR",
    95: "CANNOT_READ_FROM_SOCKET",
    96: "CANNOT_WRITE_TO_SOCKET",
    115: "UNKNOWN_SETTING",
    158: "TOO_MANY_ROWS",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    173: "CANNOT_ALLOCATE_MEMORY",
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    254: "NO_ACTIVE_REPLICAS",
    265: "NO_AVAILABLE_REPLICA",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    307: "TOO_MANY_BYTES",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    396: "TOO_MANY_ROWS_OR_BYTES",
    473: "DEADLOCK_AVOIDED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    733: "TABLE_IS_BEING_RESTARTED",
    999: "KEEPER_EXCEPTION",
}


class ServerFailure(Retryable):
    """The server answered with an error that may pass.

    `server_text` is what it said. It may quote SQL and values: for a terminal, never for a log or an answer.
    """

    def __init__(self, problem: str, *, code: int = 0, server_text: str = "") -> None:
        super().__init__("clickhouse", problem)
        self.code = code
        self.server_text = server_text


class SchemaDrift(ServerFailure):
    """A table, column or type is not what this version expects: retry, unready, until it is migrated."""


class DataRefused(OpenRideError):  # noqa: N818 - the name says what happened to the data
    """The rows can never be stored as they are. `code` is the server's, 0 if they could not be encoded."""

    def __init__(self, problem: str, *, code: int = 0, server_text: str = "") -> None:
        super().__init__(f"clickhouse: {problem}")
        self.code = code
        self.server_text = server_text


def failure(code: int, server_text: str, *, rows_sent: bool) -> ServerFailure | DataRefused:
    """The error to raise for a server's exception, whose message names the code only.

    Without rows of ours there is nothing that could be refused for its content.
    """
    if code in _DATA and rows_sent:
        return DataRefused(f"rows refused: {_DATA[code]} ({code})", code=code, server_text=server_text)
    if code in _SCHEMA:
        return SchemaDrift(f"schema: {_SCHEMA[code]} ({code})", code=code, server_text=server_text)
    if code not in _PASSING and code not in _DATA:
        logger.warning("clickhouse: an error code without a rule, retried", extra={"code": code})
    name = _PASSING.get(code) or _DATA.get(code, "server error")
    return ServerFailure(f"{name} ({code})", code=code, server_text=server_text)
