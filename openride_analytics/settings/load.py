"""From environment and `.env` to the tree: the one place where os.environ is read."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from dotenv.parser import parse_stream

from openride_analytics.errors import Invalid, OpenRideError
from openride_analytics.settings.rules import violations
from openride_analytics.settings.table import VARIABLES
from openride_analytics.settings.tree import Settings
from openride_analytics.settings.variable import Derived, Variable

ENV_FILE = Path(".env")
_LARGEST_SECRET = 1 << 20  # bytes; a path given by mistake must not be read into memory whole


class SettingsError(OpenRideError):
    """Some settings are wrong: `errors` has one for each, and its text is one line each."""

    def __init__(self, errors: Sequence[Invalid]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = list(errors)


@dataclass(frozen=True)
class Layer:
    """A place where variables are set, and what it is called."""

    source: str
    values: Mapping[str, str]


def load(
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Decode and validate all settings.

    Without `environ`: this process's environment, and the `.env` of the working directory if there is one.
    With it: those variables alone, and `env_file` if given. The environment wins over the file, `overrides`
    (flags, servers just started) over both, and an empty variable counts as unset. Raises SettingsError with
    every error there is.
    """
    errors: list[Invalid] = []
    found = [Layer("override", overrides or {}), *layers(environ, env_file, errors)]
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for variable in VARIABLES:
        try:
            text, sources[variable.name] = _look_up(variable, found)
            values[variable.name] = _decode(variable, text, values)
        except Invalid as error:
            errors.append(error)
    errors.extend(violations(values))
    if errors:
        raise SettingsError(errors)
    return _tree(values, sources)


def layers(environ: Mapping[str, str] | None, env_file: Path | None, errors: list[Invalid]) -> list[Layer]:
    """Where to look, in order. What is wrong with the file is added to `errors`."""
    if environ is None:
        environ = os.environ
        env_file = env_file or (ENV_FILE if ENV_FILE.is_file() else None)
    found = [Layer("environment", environ)]
    if env_file is not None:
        found.append(Layer(env_file.name, _read_env_file(env_file, errors)))
    return found


def _read_env_file(path: Path, errors: list[Invalid]) -> dict[str, str]:
    # Not dotenv_values(): it passes over a line it cannot read, and would expand ${...} within a password.
    try:
        bindings = list(parse_stream(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        errors.append(Invalid(str(path), f"it cannot be read ({type(error).__name__})", "a UTF-8 text file"))
        return {}
    errors.extend(
        Invalid(str(path), f"line {binding.original.line} cannot be read", "NAME=value")
        for binding in bindings
        if binding.error
    )
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _look_up(variable: Variable, found: Sequence[Layer]) -> tuple[str | None, str]:
    """The text of a variable and its source, from the first layer that sets it under any of its names."""
    for layer in found:
        given = {name: layer.values[name] for name in variable.names if not _unset(layer.values.get(name))}
        if not given:
            continue
        name, text = next(iter(given.items()))
        if variable.file_name in given and len(given) > 1:
            raise Invalid(name, f"it is set, and {variable.file_name} too", "one of them")
        if len(set(given.values())) > 1:
            raise Invalid(name, f"it differs from {variable.alias}, another name of it", "one of them")
        if name == variable.file_name:
            return _read_secret(name, text), f"file ({name})"
        return text, layer.source if name == variable.name else f"{layer.source} ({name})"
    return None, "default"


def _unset(text: str | None) -> bool:
    return text is None or not text.strip()


def _read_secret(name: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST_SECRET + 1).decode().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise Invalid(
            name, f"{path!r} cannot be read ({type(error).__name__})", "a UTF-8 text file"
        ) from None
    if _unset(text) or len(text) > _LARGEST_SECRET:
        raise Invalid(
            name, f"{path!r} is {'empty' if _unset(text) else 'too large'}", "a file with the value"
        )
    return text


def _decode(variable: Variable, text: str | None, values: Mapping[str, object]) -> object:
    if text is None:
        default = variable.default
        text = default.value(values) if isinstance(default, Derived) else default
        if text is None:
            return None
    try:
        return variable.kind.parse(text if variable.kind.secret else text.strip())
    except ValueError as error:
        raise Invalid(variable.name, str(error), variable.kind.allowed) from None


def _tree(values: Mapping[str, object], sources: Mapping[str, str]) -> Settings:
    tree: dict[str, Any] = {"sources": dict(sources)}
    for variable in VARIABLES:
        *branches, leaf = variable.path.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = values[variable.name]
    return msgspec.convert(tree, Settings)
