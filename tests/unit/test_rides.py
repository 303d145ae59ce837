"""The simulated rides: the same every time, valid, and as people would ride."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import islice, pairwise

import pytest

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.events import EVENT_TYPES, KINDS
from openride_analytics.simulate.rides import Rides
from openride_analytics.simulate.told import LOCAL, Told

MONDAY = date(2026, 11, 2)
END = datetime(2026, 11, 16, tzinfo=LOCAL)  # two whole weeks
DRIVERS, RIDERS = 120, 900


def rides(seed: int = 7, first_day: date = MONDAY) -> Rides:
    return Rides(seed=seed, drivers=DRIVERS, riders=RIDERS, first_day=first_day)


@pytest.fixture(scope="module")
def told() -> list[Told]:
    world = rides()
    return [*world.prelude(), *world.until(END)]


@pytest.fixture(scope="module")
def live() -> list[Told]:
    """Ten minutes from noon on a Monday at 20 events a second."""
    world = rides()
    world.prelude()
    noon = datetime(2026, 11, 2, 12, tzinfo=LOCAL)
    for _ in world.until(noon):
        pass
    return list(islice(world.live(noon, 20), 12_000))


def of_type(told: list[Told], event_type: str) -> list[Told]:
    return [one for one in told if one.event["event_type"] == event_type]


def test_the_same_seed_tells_the_same_bytes(told: list[Told]) -> None:
    world = rides()
    again = [*world.prelude(), *world.until(END)]
    assert [one.encode() for one in again] == [one.encode() for one in told]


def test_another_seed_tells_of_others(told: list[Told]) -> None:
    assert {one.key for one in rides(seed=8).prelude()}.isdisjoint({one.key for one in told})


def test_a_day_is_the_same_whenever_the_history_begins(told: list[Told]) -> None:
    """So a second `simulate` over days already sent changes no answer."""
    world = rides(first_day=MONDAY + timedelta(days=4))
    prelude = [one.encode() for one in world.prelude()]
    day = datetime(2026, 11, 9, tzinfo=LOCAL)
    later = [one.encode() for one in world.until(day + timedelta(days=1)) if one.at >= day]
    expected = [one.encode() for one in told if day <= one.at <= day + timedelta(days=1)]
    assert (bool(prelude), sorted(later)) == (True, sorted(expected))


def test_live_tells_the_same_bytes_from_the_same_moment(live: list[Told]) -> None:
    world = rides()
    world.prelude()
    noon = datetime(2026, 11, 2, 12, tzinfo=LOCAL)
    for _ in world.until(noon):
        pass
    assert [one.encode() for one in islice(world.live(noon, 20), 12_000)] == [one.encode() for one in live]


def test_events_are_told_in_order_of_time(told: list[Told], live: list[Told]) -> None:
    assert all(a.at <= b.at for events in (told, live) for a, b in pairwise(events))


def test_every_event_decodes(told: list[Told], live: list[Told]) -> None:
    decode = {kind: Decoder(kind, max_bytes=10_000, max_age_days=730) for kind in KINDS}
    for one in [*told, *live]:
        event = decode[one.kind](one.encode(), END.timestamp())
        assert abs((event.event_timestamp - one.at).total_seconds()) < 0.001


def test_every_type_of_event_is_told(told: list[Told]) -> None:
    assert {one.event["event_type"] for one in told} == set(EVENT_TYPES)


def test_event_ids_are_unique(told: list[Told], live: list[Told]) -> None:
    for events in (told, live):
        assert len({one.event["event_id"] for one in events}) == len(events)


def test_rush_hours_are_the_busiest(told: list[Told]) -> None:
    starts = Counter(one.at.astimezone(LOCAL).hour for one in of_type(told, "trip.started"))
    rush = sum(starts[hour] for hour in (6, 7, 8, 16, 17, 18))
    assert 0.6 < rush / starts.total() < 0.95


def test_weekends_are_quieter(told: list[Told]) -> None:
    days = Counter(one.at.astimezone(LOCAL).weekday() for one in of_type(told, "trip.started"))
    assert days[5] + days[6] < 0.5 * (days[1] + days[2])


def test_some_bookings_are_cancelled_by_each_side(told: list[Told]) -> None:
    created, cancelled = of_type(told, "booking.created"), of_type(told, "booking.cancelled")
    by = Counter(one.event["cancelled_by"] for one in cancelled)
    assert (0.08 < len(cancelled) / len(created) < 0.25, set(by)) == (True, {"RIDER", "DRIVER", "SYSTEM"})


def test_some_payments_fail_and_are_tried_again_another_way(told: list[Told]) -> None:
    failed = {one.event["booking_id"]: one.event["payment_method"] for one in of_type(told, "payment.failed")}
    retried = [
        one.event["payment_method"] != failed[one.event["booking_id"]]
        for one in of_type(told, "payment.success")
        if one.event["booking_id"] in failed
    ]
    assert (len(retried) > 10, any(retried)) == (True, True)


def test_refunds_are_whole_and_partial(told: list[Told]) -> None:
    whole = Counter(
        one.event["refund_amount"] == one.event["original_amount"]
        for one in of_type(told, "payment.refunded")
    )
    assert set(whole) == {True, False}


def test_some_trips_are_late(told: list[Told]) -> None:
    on_time = Counter(one.event["on_time"] for one in of_type(told, "trip.completed"))
    assert 0.5 < on_time[True] / on_time.total() < 0.95


def test_people_are_registered_before_they_act(told: list[Told]) -> None:
    registered = {one.event["user_id"] for one in of_type(told, "user.registered")}
    acted = {one.event["rider_id"] for one in of_type(told, "booking.created")}
    acted |= {one.event["driver_id"] for one in of_type(told, "route.created")}
    assert acted <= registered


def test_some_users_do_not_say_where_they_live(told: list[Told]) -> None:
    located = Counter("city" in one.event for one in of_type(told, "user.registered"))
    assert 0.02 < located[False] / located.total() < 0.1


def test_a_vehicle_is_tracked_on_its_way(told: list[Told]) -> None:
    started = {one.event["trip_id"] for one in of_type(told, "trip.started")}
    tracked = {one.event["trip_id"] for one in of_type(told, "driver.location.updated")}
    assert (tracked <= started, len(tracked) > 100) == (True, True)


def test_live_keeps_the_rate(live: list[Told]) -> None:
    took = (live[-1].at - live[0].at).total_seconds()
    assert took == pytest.approx(len(live) / 20, rel=0.02)


def test_live_begins_with_bookings(live: list[Told]) -> None:
    assert any(one.event["event_type"] == "booking.created" for one in live[:50])


def test_without_a_rate_live_tells_the_planned_days_only() -> None:
    world = rides()
    world.prelude()
    start = datetime(2026, 11, 2, tzinfo=LOCAL)
    planned = list(world.until(start + timedelta(hours=8)))
    again = rides()
    again.prelude()
    before = list(again.until(start))
    live = list(islice(again.live(start, 0), len(planned) - len(before)))
    assert [one.encode() for one in [*before, *live]] == [one.encode() for one in planned]
