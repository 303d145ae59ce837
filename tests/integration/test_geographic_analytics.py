"""Places, against the same numbers computed the slow and obvious way."""

import math

import pytest

from openride_analytics.errors import Invalid
from openride_analytics.schema.analytics import Geography
from openride_analytics.schema.queries import GeographicQuery, Level, PlaceMetric
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import EVENTS, FIRST, LAST, PICKUPS, ZONES, ask, ranges
from tests.support.drives_reference import Reference

DISTANCE = 0.3  # degrees from a cell's center to its farthest point: more than any of resolution 4 or finer
WITH_PICKUP = [PlaceMetric.BOOKINGS, PlaceMetric.REVENUE, PlaceMetric.TRIPS]


async def asked(
    client: ClickHouse, question: Question, metric: PlaceMetric, level: Level, resolution: int = 7
) -> Geography:
    query = GeographicQuery(metric=metric, level=level, resolution=resolution)
    return await geographic(client, question, query)


@pytest.mark.parametrize("metric", PlaceMetric)
@pytest.mark.parametrize("zone", ZONES)
async def test_cities(drives: ClickHouse, zone: str, metric: PlaceMetric) -> None:
    for question in ranges(zone):
        answer = await asked(drives, question, metric, Level.CITY)
        reference = Reference.of(EVENTS, question.period)
        expected = reference.by(metric, reference.place)
        order = sorted(expected.items(), key=lambda item: (-item[1], item[0]))
        assert [((p.state, p.city), p.value) for p in answer.data_points] == order
        assert answer.total_value == pytest.approx(sum(expected.values()))


@pytest.mark.parametrize("metric", PlaceMetric)
async def test_states(drives: ClickHouse, metric: PlaceMetric) -> None:
    question = ask(FIRST, LAST, "Africa/Lagos")
    answer = await asked(drives, question, metric, Level.STATE)
    reference = Reference.of(EVENTS, question.period)
    found = {point.state: point.value for point in answer.data_points}
    assert found == pytest.approx(reference.by(metric, lambda event: reference.place(event)[0]))
    assert {point.city for point in answer.data_points} == {None}


def nearest(lat: object, lon: object) -> tuple[float, float] | None:
    if not isinstance(lat, float) or not isinstance(lon, float):
        return None
    return next(place for place in PICKUPS if math.dist(place, (lat, lon)) < DISTANCE)


@pytest.mark.parametrize("resolution", [4, 7, 9])
@pytest.mark.parametrize("metric", WITH_PICKUP)
async def test_hexes(drives: ClickHouse, metric: PlaceMetric, resolution: int) -> None:
    for question in ranges("Africa/Lagos"):
        answer = await asked(drives, question, metric, Level.HEX, resolution)
        reference = Reference.of(EVENTS, question.period)
        found = {nearest(point.lat, point.lon): point.value for point in answer.data_points}
        assert found == pytest.approx(reference.by(metric, reference.pickup))
        assert len(found) == len(answer.data_points)


async def test_a_hex_is_of_latitude_and_longitude_in_this_order(drives: ClickHouse) -> None:
    answer = await asked(drives, ask(FIRST, LAST, "UTC"), PlaceMetric.BOOKINGS, Level.HEX, 7)
    point = next(p for p in answer.data_points if nearest(p.lat, p.lon) == (55.676, 12.568))
    assert point.hex == f"{608531686258376703:x}"


async def test_what_has_no_pickup_is_an_unknown_hex(drives: ClickHouse) -> None:
    answer = await asked(drives, ask(FIRST, LAST, "UTC"), PlaceMetric.TRIPS, Level.HEX)
    assert [(p.lat, p.lon) for p in answer.data_points if p.hex == "Unknown"] == [(None, None)]


async def test_people_have_no_hex(drives: ClickHouse) -> None:
    with pytest.raises(Invalid) as refused:
        await asked(drives, ask(FIRST, LAST, "UTC"), PlaceMetric.USERS, Level.HEX)
    assert (refused.value.field, refused.value.allowed) == ("level", "state, city")
