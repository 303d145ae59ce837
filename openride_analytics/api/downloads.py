"""Files over HTTP: whole or in part (RFC 9110: Range, If-Range), never held in memory."""

import re
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Any, Final

from litestar import Request, Response
from litestar.response import Stream

from openride_analytics.api.problems import MEDIA_TYPE, Problem, problem
from openride_analytics.exports.desk import Download
from openride_analytics.exports.files import Opened
from openride_analytics.exports.names import content_disposition, media_type

PIECE_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")


async def download(request: Request[Any, Any, Any], found: Download) -> Response[Any]:
    """200 with all of it, 206 with the part that was asked for, or 416. Closes the file."""
    size = found.file.size
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": found.tag,
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Cache-Control": "private, no-store",
        "Content-Disposition": content_disposition(found.name),
    }
    part = _part(request, found)
    if part is not None and part.start >= part.stop:
        await found.file.close()
        return _not_there(size, found.tag)
    given = part or range(size)
    headers["Content-Length"] = str(len(given))
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    if request.scope["state"].get("head"):
        given = range(0)
    if not given:
        await found.file.close()
    return Stream(
        _pieces(found.file, given),
        status_code=206 if part is not None else 200,
        media_type=media_type(found.name),
        headers=headers,
    )


def _part(request: Request[Any, Any, Any], found: Download) -> range | None:
    """Which bytes were asked for; an empty range if there are none such; None for all: also where several parts, or
    parts of what it was before, were asked for, or something that cannot be read."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or not (asked[1] or asked[2]):
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (found.tag, format_datetime(found.modified, usegmt=True)):
        return None
    size = found.file.size
    if not asked[1]:
        return range(max(0, size - int(asked[2])), size)
    first, last = int(asked[1]), int(asked[2]) if asked[2] else size - 1
    if asked[2] and last < first:
        return None
    return range(first, max(first, min(last + 1, size)))


def _not_there(size: int, tag: str) -> Response[Problem]:
    said = problem(416, detail=f"the file has {size} bytes")
    return Response(
        said,
        status_code=416,
        media_type=MEDIA_TYPE,
        headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes", "ETag": tag},
    )


async def _pieces(file: Opened, given: range) -> AsyncIterator[bytes]:
    try:
        for start in range(given.start, given.stop, PIECE_BYTES):
            length = min(PIECE_BYTES, given.stop - start)
            piece = await file.read(start, length)
            if len(piece) < length:
                raise EOFError(
                    "the file is shorter than it was"
                )  # the connection is closed: nobody takes it for whole
            yield piece
    finally:
        if given:
            await file.close()
