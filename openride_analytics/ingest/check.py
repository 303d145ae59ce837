"""One thing that the audit looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Check:
    """How many there must be and how many were found; `differing` of them may be others in the same number.

    `name` is of a closed set: what is checked. `group` says of what, or where it differs.
    """

    name: str
    group: str
    expected: int
    found: int
    differing: int = 0

    @property
    def passed(self) -> bool:
        """Whether all is as it must be."""
        return self.expected == self.found and not self.differing
