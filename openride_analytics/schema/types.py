"""What a field may hold: types that msgspec checks while it decodes, and the checks that it cannot make.

Every type says in `Meta.description` what was expected, for the people who read dead letters.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from openride_analytics.currencies import CurrencyCode

Id = Annotated[UUID, Meta(description="a UUID")]
Text = Annotated[str, Meta(description="text")]
Flag = Annotated[bool, Meta(description="true or false")]

# `\Z`, since `$` would let a line feed follow; `[0-9]`, since `\d` takes the digits of every script.
Phone = Annotated[str, Meta(pattern=r"^\+234[0-9]{10}\Z", description="+234 and 10 digits")]
ClockTime = Annotated[
    str,
    Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\Z", description="a time HH:MM or HH:MM:SS"),
]

Latitude = Annotated[float, Meta(ge=-90, le=90, description="a number from -90 to 90")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="a number from -180 to 180")]
Bearing = Annotated[float, Meta(ge=0, lt=360, description="a number from 0 to below 360")]
# Never infinite: msgspec refuses a number that a double cannot hold, and JSON has no other way to say one.
Quantity = Annotated[float, Meta(ge=0, description="a finite number of at least 0")]

Seats = Annotated[int, Meta(ge=1, le=8, description="an integer from 1 to 8")]
# The bounds are what the columns hold, UInt32 and UInt64; Meta cannot state the upper half of the latter.
Count = Annotated[int, Meta(ge=0, le=2**32 - 1, description="an integer from 0 to 2^32 - 1")]
Milliseconds = Annotated[int, Meta(ge=0, le=2**63 - 1, description="an integer from 0 to 2^63 - 1")]

Instant = Annotated[
    datetime, Meta(tz=True, description="an RFC 3339 time with its offset, in the years 1901 to 2298")
]
Money = Annotated[
    Decimal, Meta(description="a decimal >= 0 and < 10^12 with at most 2 places, as text or a number")
]

Role = Literal["RIDER", "DRIVER", "ADMIN"]
KycStatus = Literal["VERIFIED", "REJECTED"]
Canceller = Literal["RIDER", "DRIVER", "SYSTEM"]
PaymentMethod = Literal["card", "bank_transfer", "ussd", "wallet", "cash"]
Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]

Currency = Annotated[CurrencyCode, Meta(description="an ISO 4217 code")]

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_LIMIT = Decimal(10**12)


def check_money(field: str, amount: Decimal) -> None:
    """Raise ValueError unless 0 <= amount < 10^12 with at most 2 places as written (1.50 has 2, 1.500 has 3).

    Two places are the rule and cost the least; NaN and the infinities have no quantum: they go the slow way.
    """
    if amount.same_quantum(_CENT) and _ZERO <= amount < _LIMIT:
        return
    if not amount.is_finite():
        raise ValueError(f"{field}: not a finite number")
    exponent = amount.as_tuple().exponent
    # A zero may carry any exponent (0E+999999 is 0): such are refused with the large numbers they look like.
    if not (_ZERO <= amount < _LIMIT and isinstance(exponent, int) and -2 <= exponent < 12):
        raise ValueError(f"{field}: out of range, or more than 2 places")


def check_instant(field: str, at: datetime) -> None:
    """Raise ValueError for a time that DateTime64 cannot hold (before 1900 or after 2299) in some zone."""
    if not 1900 < at.year < 2299:
        raise ValueError(f"{field}: out of range")
