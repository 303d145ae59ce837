"""Bodies of requests: a struct says what they hold; here they are decoded."""

from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException

from openride_analytics.api.problems import Unprocessable
from openride_analytics.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

_JSON: Final = "application/json"


async def decoded(request: Request[Any, Any, Any], struct: type[T]) -> T:
    """The body as that struct. Raises Unprocessable, and what becomes a 415."""
    if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(status_code=415, detail=f"a body is {_JSON}")
    try:
        return msgspec.json.decode(await request.body(), type=struct)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise Unprocessable([Invalid(path.strip("`$.") or "body", problem)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unprocessable([Invalid("body", "is not JSON", "a JSON object")]) from None
