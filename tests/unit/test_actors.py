"""Who acts in which event."""

from uuid import UUID

import pytest

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.events import EVENT_TYPES, Event, first_actors
from tests.support.events import NOW, example, message

_RIDER, _DRIVER, _USER = UUID(int=1), UUID(int=2), UUID(int=3)
_WHO_ACTS: list[tuple[str, str | None, UUID | None]] = [
    ("user.registered", None, _USER),
    ("user.upgraded_to_driver", None, _USER),
    ("user.kyc_verified", None, None),
    ("booking.created", None, _RIDER),
    ("booking.confirmed", None, _RIDER),
    ("booking.completed", None, _RIDER),
    ("booking.cancelled", "RIDER", _RIDER),
    ("booking.cancelled", "DRIVER", _DRIVER),
    ("booking.cancelled", "SYSTEM", None),
    ("payment.initiated", None, _RIDER),
    ("payment.success", None, _RIDER),
    ("payment.failed", None, _RIDER),
    ("payment.refunded", None, None),
    ("trip.started", None, _RIDER),
    ("trip.completed", None, _RIDER),
    ("trip.cancelled", "RIDER", _RIDER),
    ("trip.cancelled", "DRIVER", _DRIVER),
    ("trip.cancelled", "SYSTEM", None),
    ("route.created", None, _DRIVER),
    ("route.activated", None, _DRIVER),
    ("route.cancelled", None, _DRIVER),
    ("route.updated", None, _DRIVER),
    ("driver.location.updated", None, _DRIVER),
]


def _played(name: str, by: str | None) -> Event:
    parts = {"rider_id": _RIDER, "driver_id": _DRIVER, "user_id": _USER}
    changes = {field: str(who) for field, who in parts.items() if field in example(name)}
    if by:
        changes["cancelled_by"] = by
    kind, _ = EVENT_TYPES[name]
    return Decoder(kind, 1 << 20, 730)(message(name, **changes), NOW.timestamp())


@pytest.mark.parametrize(("name", "by", "who"), _WHO_ACTS)
def test_the_first_who_acts(name: str, by: str | None, who: UUID | None) -> None:
    event = _played(name, by)
    assert first_actors(type(event), [event]) == [who]


def test_every_type_has_its_line_in_the_table_of_actors() -> None:
    assert {name for name, _, _ in _WHO_ACTS} == set(EVENT_TYPES)
