"""In which order routes come, whatever their numbers."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.schema.queries import RouteSort
from openride_analytics.stats.columns import COUNT, MONEY, cents_of, ids_of, uuid_of
from openride_analytics.stats.routes import _departing, _first

HALF = 1 << 64
IDS = st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n))
ROUTES = st.dictionaries(
    IDS,
    st.tuples(
        st.integers(1, 3),  # bookings
        st.integers(0, 3) | st.integers(HALF - 2, HALF + 2),  # cents
        st.integers(0, 3),  # departures
        st.integers(0, 840),  # filled
    ),
)


@pytest.mark.parametrize("sort", RouteSort)
@given(ROUTES)
def test_the_most_come_first_and_equal_ones_by_their_ids(
    sort: RouteSort, routes: dict[UUID, tuple[int, int, int, int]]
) -> None:
    def key(id_: UUID) -> tuple[float, ...]:
        bookings, cents, departures, filled = routes[id_]
        return {
            RouteSort.BOOKINGS: (-bookings,),
            RouteSort.REVENUE: (-cents,),
            RouteSort.OCCUPANCY: (departures == 0, -filled / departures if departures else 0),
        }[sort]

    expected = sorted(routes, key=lambda id_: (*key(id_), str(id_)))
    bookings, cents, departures, filled = zip(*routes.values(), strict=True) if routes else ((),) * 4
    known = [n for n, left in enumerate(departures) if left]
    booked = {
        "route": ids_of([*routes]),
        "bookings": np.array(bookings, dtype=COUNT),
        "revenue": np.array([(amount % HALF, amount // HALF) for amount in cents], dtype=MONEY),
    }
    departed = {
        "route": ids_of([[*routes][n] for n in known]),
        "departures": np.array([departures[n] for n in known], dtype=COUNT),
        "filled": np.array([filled[n] for n in known], dtype=COUNT),
    }
    found = _first(_departing(booked, departed), sort, limit=5)
    assert [uuid_of(id_) for id_ in found["route"].tolist()] == expected[:5]
    assert cents_of(found["revenue"]).tolist() == [routes[id_][1] for id_ in expected[:5]]
