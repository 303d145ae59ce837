"""What a question about a funnel is understood as."""

import pytest

from openride_analytics.errors import Invalid
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.schema.queries import FunnelQuery
from openride_analytics.stats.funnel import DEFAULT_STEPS, course, step_name


def test_without_steps_there_are_five() -> None:
    assert course(FunnelQuery()).steps == DEFAULT_STEPS


def test_steps_may_repeat_and_have_spaces_around_them() -> None:
    assert course(FunnelQuery(steps="trip.started, trip.started")).steps == ("trip.started", "trip.started")


@pytest.mark.parametrize(
    "steps", ["", "trip.started", "trip.started,", "trip.started,trip.lost", ",".join(["trip.started"] * 11)]
)
def test_other_steps_are_refused(steps: str) -> None:
    with pytest.raises(Invalid, match=r"^steps: .*trip\.started"):
        course(FunnelQuery(steps=steps))


def test_every_step_has_a_name_of_its_own() -> None:
    assert len({step_name(event_type) for event_type in EVENT_TYPES}) == len(EVENT_TYPES)


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("booking.created", "Booking created"),
        ("user.kyc_verified", "User KYC verified"),
        ("user.upgraded_to_driver", "User upgraded to driver"),
        ("driver.location.updated", "Driver location updated"),
    ],
)
def test_names_are_english(event_type: str, name: str) -> None:
    assert step_name(event_type) == name
