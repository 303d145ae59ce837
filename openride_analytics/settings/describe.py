"""The settings for people: what is in force, what looks misspelt, and the table of the README."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from openride_analytics.errors import Invalid
from openride_analytics.settings.load import layers
from openride_analytics.settings.secret import Secret
from openride_analytics.settings.table import VARIABLES
from openride_analytics.settings.tree import Settings
from openride_analytics.settings.variable import Derived, Variable

BEGIN, END = "<!-- settings -->", "<!-- /settings -->"

_ALIKE = 0.8  # of difflib's ratio: one or two letters off in a name of ten


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """(name, effective value, source) of every variable. Secrets are masked; an unset one's value is ''."""
    return [(v.name, _shown(_value(settings, v)), settings.sources.get(v.name, "default")) for v in VARIABLES]


def _value(settings: Settings, variable: Variable) -> object:
    node: object = settings
    for part in variable.path.split("."):
        node = getattr(node, part)
    return node


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return value.masked()
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def warnings(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> list[str]:
    """One line for each variable that looks like a misspelling of one of ours. Arguments as of `load`."""
    ignored: list[Invalid] = []
    known = {name for variable in VARIABLES for name in variable.names}
    prefixes = tuple({name.split("_")[0] + "_" for name in known if "_" in name} - {"OTEL_"})
    lines: dict[str, str] = {}
    for layer in layers(environ, env_file, ignored):
        for name in sorted(layer.values.keys() - known):
            alike = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_ALIKE)
            if alike and name.upper().startswith(prefixes):
                lines[name] = f"{name}: no such setting, it is ignored; did you mean {alike[0]}?"
    return list(lines.values())


def markdown() -> str:
    """The variables as a Markdown table."""
    rows = ["| Variable | Default | Allowed | Meaning |", "|---|---|---|---|"]
    for variable in VARIABLES:
        cells = (f"`{variable.name}`", _default(variable), variable.kind.allowed, _meaning(variable))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def env_example() -> str:
    """A file of environment variables: each with what it means and allows, commented out, at its default."""
    lines = [
        "# Every setting. What is commented out is the default; whatever is secret may come from a file: NAME_FILE.",
        "# Written by `make settings-doc`.",
    ]
    for variable in VARIABLES:
        allowed = f"Default: {variable.default.words}. " if isinstance(variable.default, Derived) else ""
        default = variable.default if isinstance(variable.default, str) else ""
        lines += [
            "",
            f"# {_meaning(variable).replace('`', '')}.",
            f"# {allowed}Allowed: {variable.kind.allowed}.",
        ]
        lines.append(f"#{variable.name}={default}")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """A Markdown text with the table between its two markers. Raises Invalid if it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Invalid("markers", "the text has no place for the table", f"{BEGIN} and, after it, {END}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"


def _default(variable: Variable) -> str:
    match variable.default:
        case Derived(words=words):
            return words
        case "" | None:
            return ""
        case text:
            return f"`{text}`"


def _meaning(variable: Variable) -> str:
    notes = [variable.help]
    if variable.alias:
        notes.append(f"also `{variable.alias}`")
    if variable.file_name:
        notes.append(f"or `{variable.file_name}`")
    return "; ".join(notes)
