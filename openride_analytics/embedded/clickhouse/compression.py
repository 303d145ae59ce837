"""ClickHouse's compressed frames, for clients that insist on them: any method in, uncompressed frames out.

A frame: CityHash128 (version 1.0.2) of what follows, method, size with this header of 9 bytes, size of
the content, content.
"""

import struct
from collections.abc import Callable, Iterator

from clickhouse_cityhash.cityhash import CityHash128

from openride_analytics.embedded.clickhouse.wire import Malformed, Reader

_HEADER = struct.Struct("<BII")
_CHECKSUM_BYTES = 16
_NONE = 0x02
_CODECS = {0x82: "lz4_raw", 0x90: "zstd"}
_LARGEST_FRAME = 1 << 30
_FRAME_BYTES = 1 << 20


def frames(content: bytes) -> Iterator[bytes]:
    """`content` in frames that say they are not compressed: on a loopback interface that is the fastest."""
    for start in range(0, len(content), _FRAME_BYTES):
        part = content[start : start + _FRAME_BYTES]
        body = _HEADER.pack(_NONE, len(part) + _HEADER.size, len(part)) + part
        yield _checksum(body) + body


def decompressing(reader: Reader) -> Callable[[int], bytes]:
    """A source for another Reader: the content of the next frame, whatever the limit. Raises Malformed."""

    def receive(_limit: int) -> bytes:
        reader.compact()
        checksum = reader.raw(_CHECKSUM_BYTES)
        header = reader.raw(_HEADER.size)
        method, size, content_size = _HEADER.unpack(header)
        if not _HEADER.size <= size <= _LARGEST_FRAME or content_size > _LARGEST_FRAME:
            raise Malformed("a compressed frame of impossible size")
        content = reader.raw(size - _HEADER.size)
        if _checksum(header + content) != checksum:
            raise Malformed("a compressed frame with a wrong checksum")
        return content if method == _NONE else _decompress(method, content, content_size)

    return receive


def _checksum(body: bytes) -> bytes:
    """The hash's two halves, the high one first, each little-endian."""
    value: int = CityHash128(body)
    return (value >> 64).to_bytes(8, "little") + (value & (1 << 64) - 1).to_bytes(8, "little")


def _decompress(method: int, content: bytes, size: int) -> bytes:
    import pyarrow  # noqa: PLC0415 - large, comes with the engine, and few clients compress

    name = _CODECS.get(method)
    if name is None:
        raise Malformed(f"compression method {method:#x} is not known")
    return pyarrow.Codec(name).decompress(content, size, asbytes=True)  # type: ignore[no-any-return]  # bytes, as asked
