"""What the server must know of a statement before it runs: its kind, where its rows come from, its FORMAT.

A lexer, not a parser: comments and quotes are understood, everything else is left to the engine.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_COMMENT = r"--[^\n]*|#[! ][^\n]*|/\*.*?\*/"
_TEXT = r"'(?:[^'\\]|\\.|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
_NAME = r"""`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*\""""

_TOKEN = re.compile(
    rf"(?P<blank>\s+|{_COMMENT})|(?P<text>{_TEXT})|(?P<name>{_NAME})|(?P<word>\w+)|(?P<mark>.)", re.S
)
_ASIDE = re.compile(rf"{_COMMENT}|{_TEXT}|{_NAME}", re.S)


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int
    depth: int
    """Brackets open around it."""
    quoted: bool

    def says(self, *words: str) -> bool:
        return not self.quoted and self.text.upper() in words


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows the client sends: `INSERT INTO target columns settings`."""

    target: str
    """As written: `db.t`, "t", or `FUNCTION f(x)`."""
    columns: str
    """As written, brackets included; empty if not given."""
    settings: str
    """`SETTINGS a = 1`, or empty."""

    def column_names(self) -> tuple[str, ...] | None:
        """The columns if each is a plain name; None if there is no list, or one with an expression."""
        names = []
        expected = True
        for token in list(tokens(self.columns))[1:-1]:
            if token.text == "," and not token.quoted:
                expected = True
            elif expected and (token.quoted or token.text.isidentifier()) and token.text[0] != "'":
                names.append(unquote(token.text))
                expected = False
            else:
                return None
        return tuple(names) or None


def tokens(sql: str) -> Iterator[Token]:
    """Everything but blanks and comments, lazily."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "blank":
            continue
        text = match.group()
        if text == ")" and kind == "mark":
            depth -= 1
        yield Token(text, match.start(), match.end(), depth, kind in ("name", "text", "tag"))
        if text == "(" and kind == "mark":
            depth += 1


def first_word(sql: str) -> str:
    """The first keyword in capitals, brackets before it skipped; empty for a blank statement."""
    return next((token.text.upper() for token in tokens(sql) if token.text != "("), "")


def unquote(name: str) -> str:
    """A name without its back-ticks or double quotes."""
    if name[:1] not in ("`", '"'):
        return name
    quote = name[0]
    return re.sub(r"\\(.)", r"\1", name[1:-1].replace(quote * 2, quote))


def quote(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def used_database(sql: str) -> str | None:
    """The database that a USE statement changes to."""
    words = [token for token in tokens(sql) if token.text != ";"]
    if len(words) >= 2 and words[0].says("USE"):
        return unquote(words[-1].text)
    return None


def several(sql: str) -> bool:
    """More than one statement, separated by semicolons."""
    if ";" not in sql.rstrip().rstrip(";"):
        return False
    # Not by tokens: those of a long statement take longer than all else here.
    return ";" in _ASIDE.sub(" ", sql).rstrip("; \t\r\n")


def without_format(sql: str, formats: Collection[str]) -> str:
    """A query without its FORMAT clause (`formats`: the known names, in lower case) and last semicolon:
    over the native protocol the client chooses the presentation.
    """
    stripped = sql.rstrip()
    if not re.search(r"\bformat\b", stripped, re.I):
        return stripped.rstrip("; \t\r\n") if stripped.endswith(";") else sql
    found = list(tokens(stripped))
    while found and found[-1].text == ";":
        found.pop()
    for index in range(len(found) - 2, -1, -1):
        here, after = found[index], found[index + 1]
        if here.depth == 0 and here.says("FORMAT") and after.text.lower() in formats:
            ends = index + 2 == len(found) or found[index + 2].says("SETTINGS")
            if ends:
                return stripped[: here.start] + stripped[after.end : found[-1].end]
    return stripped[: found[-1].end] if found else sql


_TURNS = ("VALUES", "FORMAT", "SELECT", "WITH", "WATCH", "FROM")
"""What may come after an INSERT's target, columns and settings."""


def client_insert(sql: str) -> Insert | None:
    """The parts of an INSERT whose rows come from the client; None for any other statement, one that
    carries its rows with it (`VALUES (1)`, `SELECT ...`, `FROM INFILE`) included.
    """
    stream = tokens(sql)
    verb = next(stream, None)
    if verb is None or not verb.says("INSERT"):
        return None
    opening, turn = _until(stream, "SETTINGS", *_TURNS)
    settings = ""
    if turn is not None and turn.says("SETTINGS"):
        start = turn.start
        values, turn = _until(stream, *_TURNS)
        settings = sql[start : values[-1].end] if values else ""
    if turn is not None and turn.says("SELECT", "WITH", "WATCH", "FROM"):
        return None
    if turn is not None and turn.says("FORMAT"):
        next(stream, None)
    if any(token.text != ";" for token in stream):
        return None
    return _insert(sql, opening, settings)


def _until(stream: Iterator[Token], *words: str) -> tuple[list[Token], Token | None]:
    """The tokens before the first of `words` that is outside of brackets, and that one."""
    before: list[Token] = []
    for token in stream:
        if token.depth == 0 and token.says(*words):
            return before, token
        if token.text != ";":
            before.append(token)
    return before, None


def _insert(sql: str, opening: list[Token], settings: str) -> Insert | None:
    while opening and opening[0].says("INTO", "TABLE"):
        opening = opening[1:]
    if not opening:
        return None
    brackets = [index for index, token in enumerate(opening) if token.text == "(" and token.depth == 0]
    arguments = 1 if opening[0].says("FUNCTION") else 0
    columns = opening[brackets[arguments] :] if len(brackets) > arguments else []
    target = opening[: len(opening) - len(columns)]
    if len(columns) > 1 and columns[1].says("SELECT", "WITH"):
        return None
    return Insert(
        target=sql[target[0].start : target[-1].end],
        columns=sql[columns[0].start : columns[-1].end] if columns else "",
        settings=settings,
    )
