"""Bodies of requests: a struct says what they hold; here they are decoded."""

import asyncio
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException

from openride_analytics.api.problems import Unprocessable
from openride_analytics.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

BODY_SECONDS: Final = 30.0  # whoever does not send it keeps a place that others want

_JSON: Final = "application/json"


def _number(text: str) -> float:
    """JSON has one kind of numbers: 8.0 is an integer, as JSON Schema has it."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


_EXACT: Final = 1 << 53  # below it, floats hold all integers
_DECODER: Final = msgspec.json.Decoder(float_hook=_number)


async def sent(request: Request[Any, Any, Any]) -> bytes:
    """The body as it came. Raises Unprocessable, and what becomes a 408."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise HTTPException(status_code=408, detail=f"a body comes within {BODY_SECONDS:g} s") from None
    except InternalServerException:  # Litestar's word for a caller who has left, which is no defect of ours
        raise Unprocessable([Invalid("body", "did not come to its end")]) from None


async def decoded(request: Request[Any, Any, Any], struct: type[T]) -> T:
    """The body as that struct. Raises Unprocessable, and what becomes a 408 or 415."""
    if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(status_code=415, detail=f"a body is {_JSON}")
    body = await sent(request)
    try:
        return msgspec.convert(_DECODER.decode(body), struct)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise Unprocessable([Invalid(path.strip("`$.") or "body", problem)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unprocessable([Invalid("body", "is not JSON", "a JSON object")]) from None
