"""The roles, and a caller who has one."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """Each may do all that those before it may. NONE: the token is good, and its role is none of ours."""

    NONE = 0
    VIEWER = 1
    ANALYST = 2
    ADMIN = 3

    @classmethod
    def of(cls, claim: object) -> "Role":
        """What a token's claim says: exactly one name, in lower case; anything else is NONE."""
        return next((role for role in GRANTED if role.label == claim), cls.NONE)

    @property
    def label(self) -> str:
        """As tokens have it."""
        return self.name.lower()


GRANTED: Final = (Role.VIEWER, Role.ANALYST, Role.ADMIN)


@dataclass(frozen=True)
class Caller:
    """Whose token it is, what it allows, and until when (seconds since the epoch; None: no end).

    The subject may be a person's name or address: it does not show when printed, and never belongs in a log or
    in a label of a metric.
    """

    subject: str = field(repr=False)
    role: Role
    expires: float | None = None


ANYONE: Final = Caller("anyone", Role.ADMIN)
"""The caller where nobody is asked for a token."""
