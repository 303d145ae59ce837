"""A short run of random faults, always the same ones; `make chaos` has longer ones."""

from pathlib import Path

import pytest

from tests.faults.chaos import run
from tests.faults.schedule import schedule, targets

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

SEED = 6027


def test_the_same_seed_gives_the_same_faults() -> None:
    assert schedule(1, 600) == schedule(1, 600) != schedule(2, 600)


def test_in_the_long_run_everything_is_struck_in_every_way() -> None:
    struck = {(strike.target, strike.what) for strike in schedule(1, 3600)}
    assert struck == {(target, what) for target, ways in targets().items() for what in ways}


async def test_random_faults_neither_lose_nor_double_a_message(tmp_path: Path) -> None:
    assert await run(SEED, 10, tmp_path) == []
