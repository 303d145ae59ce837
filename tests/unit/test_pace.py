"""The pace of sending, and how progress is shown."""

import io

import pytest

from openride_analytics.simulate.pace import CATCH_UP, Pace
from openride_analytics.simulate.progress import Progress
from tests.support.clock import FakeClock


async def sent_in(clock: FakeClock, pace: Pace, events: int) -> float:
    """The seconds that so many events take."""
    for _ in range(events):
        await clock.advance(pace.ahead())
    return clock.monotonic()


async def test_events_take_their_time() -> None:
    clock = FakeClock()
    assert await sent_in(clock, Pace(100, clock), 1001) == pytest.approx(10, abs=0.05)


async def test_without_a_rate_nothing_waits() -> None:
    clock = FakeClock()
    assert await sent_in(clock, Pace(0, clock), 1000) == 0


async def test_a_long_stop_is_not_made_up_for() -> None:
    clock = FakeClock()
    pace = Pace(10, clock)
    pace.ahead()
    await clock.advance(60)
    assert await sent_in(clock, pace, 101) == pytest.approx(60 + 10, abs=CATCH_UP)


def test_where_no_terminal_is_a_message_is_a_line() -> None:
    stream = io.StringIO()
    with Progress(stream, "replay", total=100, unit="B") as progress:
        progress.update(50, 7)
        progress.say("waiting")
    assert stream.getvalue() == "replay: waiting\n"


def test_on_a_terminal_there_is_a_bar() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with Progress(stream, "replay", total=100, unit="B") as progress:
        progress.update(100, 7)
    assert "100%" in stream.getvalue()
