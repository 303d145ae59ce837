"""Rows on their way to ClickHouse: columns of bytes that grow by some thousand rows at a time."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from openride_analytics.store import native

SLICE: Final = 4096


class Rows:
    """Columns in the native format: one block of an insert.

    Values become bytes when they are added, so the objects that they were need not wait for the insert.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        """`types`: the ClickHouse type of each column, in the order in which they are sent. TypeError for a type
        that has no encoder."""
        self.types = dict(types)
        self.count = 0
        self._columns = {name: _Column(name, type_) for name, type_ in types.items()}

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> "Rows":
        """All rows of `columns`, of equal lengths. Raises as `add`."""
        rows = cls(types)
        count = len(next(iter(columns.values())))
        for start in range(0, count, SLICE):
            rows.add({name: values[start : start + SLICE] for name, values in columns.items()})
        return rows

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Take more rows: a sequence of values for each column, all of the same length. All of them or none.

        Raises TypeError where a value is of another type than the column, ValueError where its type cannot hold it.
        """
        encoded = {name: self._columns[name].encode(values) for name, values in columns.items()}
        for name, column in self._columns.items():
            column.take(encoded[name])
        self.count += len(next(iter(columns.values())))

    def block(self, revision: int) -> list[bytes]:
        """The rows as a block for a connection of protocol `revision`, in pieces."""
        pieces = [native.header(len(self._columns), self.count)]
        for column in self._columns.values():
            pieces += column.pieces(revision)
        return pieces


class _Column:
    def __init__(self, name: str, type_: str) -> None:
        self._name = name
        self._type = type_
        try:
            self._encode = native.streams(type_)
        except TypeError as error:
            raise TypeError(f"column {name}: {error}") from None
        self._streams: list[list[bytes]] = [[] for _ in self._encode]

    def encode(self, values: Sequence[Any]) -> list[bytes]:
        """What the values add to each stream."""
        try:
            return [encode(values) for encode in self._encode]
        except TypeError as error:
            raise TypeError(f"column {self._name}: {self._type} expected: {error}") from None
        except (ValueError, ArithmeticError):
            # What was raised may quote the value, and the value may be somebody's name.
            raise ValueError(f"column {self._name}: a value is outside {self._type}") from None

    def take(self, encoded: Sequence[bytes]) -> None:
        for stream, more in zip(self._streams, encoded, strict=True):
            stream.append(more)

    def pieces(self, revision: int) -> list[bytes]:
        plain = b"\x00" if revision >= native.CUSTOM_SERIALIZATION_REVISION else b""
        first, *others = self._streams
        if self._type.startswith("Array("):
            first = [native.ends(b"".join(first))]
        head = native.text(self._name) + native.text(self._type) + plain
        return [head, *first, *chain.from_iterable(others)]
