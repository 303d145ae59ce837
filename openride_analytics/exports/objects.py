"""Files in S3-compatible storage: an object appears when its upload is complete."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from openride_analytics import settings as tree
from openride_analytics.errors import Retryable
from openride_analytics.exports.files import Opened, parts_of

# Parts of five MiB: together they pass a link of less than 1 MB/s in the time of one request.
PARTS_AT_ONCE: Final = 4
# Objects that are not there, as the library says it: by one of its own errors, or by Python's.
_ABSENT: Final = (FileNotFoundError, obstore.exceptions.NotFoundError)
_LONGEST: Final = timedelta(seconds=30)  # of one request; a part of an upload is one


class Objects:
    """The file store of a bucket, below a prefix."""

    def __init__(self, settings: tree.Exports) -> None:
        where = urlsplit(settings.store_url or "")
        given = {
            "endpoint": settings.s3_endpoint,
            "region": settings.s3_region,
            "access_key_id": settings.s3_access_key_id,
            "secret_access_key": settings.s3_secret_access_key.reveal()
            if settings.s3_secret_access_key
            else None,
        }
        config: Any = {name: value for name, value in given.items() if value is not None}
        self._store = S3Store(
            where.netloc,
            prefix=where.path.strip("/") or None,
            virtual_hosted_style_request=False,
            disable_bulk_delete=True,  # one is deleted at a time, and not every storage knows how to do many
            client_options={
                "allow_http": (settings.s3_endpoint or "").startswith("http://"),
                "connect_timeout": timedelta(seconds=2),
                "timeout": _LONGEST,
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
            **config,
        )

    async def publish(self, made: Path, name: str) -> int:
        size = (await asyncio.to_thread(made.stat)).st_size
        with _translated():
            await obstore.put_async(self._store, name, made, max_concurrency=PARTS_AT_ONCE)
        return size

    async def open(self, name: str) -> Opened | None:
        if parts_of(name) is None:
            return None
        with _translated():
            try:
                found = await obstore.head_async(self._store, name)
            except _ABSENT:
                return None
        return _Object(self._store, name, int(found["size"]))

    async def delete(self, name: str) -> None:
        with _translated(), suppress(*_ABSENT):
            await obstore.delete_async(self._store, name)

    async def usable(self) -> str:
        """Whether the bucket can be listed; what it costs to try to write is not paid for each look."""
        with _translated():
            async for _ in obstore.list(self._store, chunk_size=1):
                break
        return "the bucket answers"

    async def names(self) -> list[tuple[str, float]]:
        with _translated():
            found = await obstore.list(self._store).collect_async()
        return [
            (name, entry["last_modified"].timestamp())
            for entry in found
            if parts_of(name := entry["path"].rpartition("/")[2]) is not None
        ]


class _Object:
    def __init__(self, store: S3Store, name: str, size: int) -> None:
        self._store = store
        self._name = name
        self.size = size

    async def read(self, start: int, length: int) -> bytes:
        length = min(length, self.size - start)
        if length <= 0:
            return b""
        with _translated():
            return bytes(await obstore.get_range_async(self._store, self._name, start=start, length=length))

    async def close(self) -> None:
        """Nothing is open between two reads."""


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever the storage says, without what it says: a URL may be in it."""
    try:
        yield
    except (BaseError, OSError) as error:
        if isinstance(error, _ABSENT):
            raise Retryable("storage", "the file is gone") from None
        if "NoSuchBucket" in str(error):
            raise Retryable("storage", "there is no such bucket") from None
        raise Retryable("storage", type(error).__name__) from None
