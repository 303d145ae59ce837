"""Idempotency-Key: what makes repeating a request harmless."""

import re
from typing import Any, Final

from litestar import Request

from openride_analytics.api.headers import KEY_PATTERN
from openride_analytics.errors import Invalid

_KEY: Final = re.compile(KEY_PATTERN)


def idempotency_key(request: Request[Any, Any, Any]) -> str | None:
    """The request's. Raises Invalid."""
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise Invalid("Idempotency-Key", "cannot be used", "1 to 255 printable characters of ASCII")
    return key
