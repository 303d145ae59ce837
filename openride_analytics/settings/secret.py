"""A value that must not be shown."""

import re

HIDDEN = "***"

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&#]*", re.IGNORECASE)


class Secret:
    """Text that shows as `***` wherever it is printed or logged; `reveal()` gives it to who needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def masked(self) -> str:
        """What may be shown: of a URL all but its password, of anything else nothing, of nothing nothing."""
        return mask_url(self._value) if "://" in self._value else HIDDEN if self._value else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__


def mask_url(url: str) -> str:
    """The URL without its password; all of it is hidden if one cannot tell where the password ends."""
    match = _URL.fullmatch(url)
    if match is None:
        return HIDDEN
    scheme, authority, rest = match["scheme"], match["authority"], match["rest"]
    if "@" in rest:
        return HIDDEN
    user, at, host = authority.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = f"{name}:{HIDDEN}" if colon else name
    return f"{scheme}{shown}{at}{host}" + _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", rest)
