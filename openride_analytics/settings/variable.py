"""What is known of one variable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from openride_analytics.settings.kinds import Kind


@dataclass(frozen=True)
class Derived:
    """A default that follows from variables above it. `words` says how."""

    words: str
    value: Callable[[Mapping[str, object]], str]


@dataclass(frozen=True)
class Variable:
    """`path` is the attribute in the tree; `default` is written as the variable would be (None: unset)."""

    name: str
    path: str
    kind: Kind
    default: str | Derived | None
    help: str
    alias: str | None = None

    @property
    def file_name(self) -> str | None:
        """The variable that names a file with the value, for secrets."""
        return f"{self.name}_FILE" if self.kind.secret else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which the value may be given."""
        return tuple(name for name in (self.name, self.alias, self.file_name) if name)
