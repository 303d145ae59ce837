"""Bytes in and out: variable-length integers, strings, and a buffer that fills itself while it is read."""

import struct
from collections.abc import Callable

RECEIVE_BYTES = 1 << 18


class PeerClosed(Exception):  # noqa: N818 - an everyday event, not a fault
    """The other side ended the connection."""


class Malformed(Exception):  # noqa: N818
    """Bytes that break the protocol: the connection cannot go on, for nobody knows where the next packet
    begins.
    """


class Reader:
    """A growing buffer over `receive(limit) -> bytes` (empty at the end), with a position.

    Readers of blocks work on `buffer` by absolute index and call `fill` when they run over its end;
    nothing moves until `compact`, so that a block can be cut out whole once its end is known.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self.buffer = bytearray()
        self.position = 0

    def fill(self) -> None:
        """Append what has arrived, waiting for at least one byte. Raises PeerClosed."""
        received = self._receive(RECEIVE_BYTES)
        if not received:
            raise PeerClosed
        self.buffer += received

    def require(self, end: int) -> None:
        """Wait until `buffer[:end]` is there."""
        while len(self.buffer) < end:
            self.fill()

    def compact(self) -> None:
        """Forget everything before the position."""
        del self.buffer[: self.position]
        self.position = 0

    def ahead(self) -> int | None:
        """The next byte if it has arrived already."""
        return self.buffer[self.position] if self.position < len(self.buffer) else None

    def byte(self) -> int:
        self.require(self.position + 1)
        self.position += 1
        return self.buffer[self.position - 1]

    def varint(self) -> int:
        value, self.position = self.varint_at(self.position)
        return value

    def varint_at(self, position: int) -> tuple[int, int]:
        """The number that begins at `position`, and the position after it."""
        value = 0
        for shift in range(0, 64, 7):
            self.require(position + 1)
            byte = self.buffer[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise Malformed("a variable-length integer is longer than 64 bits")

    def string(self) -> str:
        return self.raw(self.varint()).decode("utf-8", "surrogateescape")

    def raw(self, size: int) -> bytes:
        end = self.position + size
        self.require(end)
        value = bytes(memoryview(self.buffer)[self.position : end])
        self.position = end
        return value


def varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def string(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogateescape")
    return varint(len(encoded)) + encoded


def int32(value: int) -> bytes:
    return struct.pack("<i", value)
