"""The grammar of ClickHouse's type names: `Map(String, Array(Nullable(Decimal(14, 2))))` as a tree."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`)|(?P<word>[^\s(),'`]+)|(?P<mark>[(),]))", re.S
)


class UnknownType(Exception):  # noqa: N818 - says what was met
    """A type whose name cannot be read, or whose encoding is not known here."""


@dataclass(frozen=True)
class Type:
    """`name` alone, or `name(arguments)`; literals (numbers, quoted text, `'a' = 1`) are names without
    arguments.

    A named element, as in `Tuple(latitude Float64)`, has its `label`.
    """

    name: str
    arguments: tuple["Type", ...] = ()
    label: str = ""

    def number(self, index: int) -> int:
        """The integer that is the argument at `index`. Raises UnknownType."""
        try:
            return int(self.arguments[index].name)
        except (IndexError, ValueError):
            raise UnknownType(f"{self.name} without a number at {index}") from None


def parse(type_name: str) -> Type:
    """Raises UnknownType unless all of `type_name` is one type."""
    tokens: list[str] = []
    position = 0
    end = len(type_name.rstrip())
    while position < end:
        match = _TOKEN.match(type_name, position)
        if match is None:
            raise UnknownType(type_name)
        tokens.append(match.group().strip())
        position = match.end()
    tree, after = _type(tokens, 0, type_name)
    if after != len(tokens):
        raise UnknownType(type_name)
    return tree


def _type(tokens: list[str], index: int, whole: str) -> tuple[Type, int]:
    """Words up to a bracket or comma, then perhaps arguments: the last word is the type, those before its
    label.
    """
    words: list[str] = []
    while index < len(tokens) and tokens[index] not in "(),":
        words.append(tokens[index])
        index += 1
    if not words:
        raise UnknownType(whole)
    arguments: list[Type] = []
    if index < len(tokens) and tokens[index] == "(":
        index += 1
        while index < len(tokens) and tokens[index] != ")":
            argument, index = _type(tokens, index, whole)
            arguments.append(argument)
            if index < len(tokens) and tokens[index] == ",":
                index += 1
        if index == len(tokens):
            raise UnknownType(whole)
        index += 1
    return Type(words[-1], tuple(arguments), " ".join(words[:-1])), index
