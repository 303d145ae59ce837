"""Signals, most in a process of its own: the real loop, the real clock, a real exit."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openride_analytics.signals import SIGNALS, handle_signals, until_signal

WITHIN = 20.0
PROGRAM = """
import asyncio, random, sys, time

from openride_analytics.clock import SystemClock
from openride_analytics.signals import exit_now, handle_signals
from openride_analytics.supervisor import Backoff, Escalated, Limit, Spec, Supervisor

class Service:
    name = "service"

    def __init__(self, behavior):
        self.behavior = behavior

    async def run(self, child):
        child.ready()
        print("ready", flush=True)
        if self.behavior == "crash":
            raise RuntimeError("boom")
        await child.stopping.wait()
        print("finishing", flush=True)
        if self.behavior == "slow":
            await asyncio.sleep(60)
        while self.behavior == "blocked":
            time.sleep(0.1)  # a signal just before it waits until it is over
        while self.behavior == "deaf":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
        print("finished", flush=True)

async def main(behavior, grace):
    supervisor = Supervisor(
        [Spec(Service(behavior))],
        clock=SystemClock(),
        backoff=Backoff(initial=0.01),
        limit=Limit(restarts=2),
        grace=grace,
        rng=random.Random(),
        cancel_grace=0.1,
    )
    try:
        with handle_signals(supervisor.stop):
            await supervisor.run()
    except Escalated as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if supervisor.abandoned:
            print("abandoned", *supervisor.abandoned)
            exit_now(1)
    return 0

sys.exit(asyncio.run(main(sys.argv[1], float(sys.argv[2]))))
"""


@asynccontextmanager
async def service(behavior: str, grace: float = 30) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, running and ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        behavior,
        str(grace),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await read(process, "ready")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read(process: asyncio.subprocess.Process, expected: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        assert (await process.stdout.readline()).decode().strip() == expected


async def end(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, the rest of stdout, stderr."""
    async with asyncio.timeout(WITHIN):
        out, err = await process.communicate()
    return process.returncode, out.decode().strip(), err.decode().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_begins_a_graceful_stop(number: signal.Signals) -> None:
    async with service("good") as process:
        process.send_signal(number)
        await read(process, "finishing")
        assert (await end(process))[:2] == (0, "finished")


@pytest.mark.parametrize("behavior", ["slow", "blocked", "deaf"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_exits_at_once(behavior: str, number: signal.Signals, code: int) -> None:
    async with service(behavior) as process:
        process.send_signal(number)
        await read(process, "finishing")
        process.send_signal(number)
        assert (await end(process))[:2] == (code, "")


async def test_the_second_signal_may_be_the_other_one() -> None:
    async with service("slow") as process:
        process.send_signal(signal.SIGTERM)
        await read(process, "finishing")
        process.send_signal(signal.SIGINT)
        assert (await end(process))[0] == 130


async def test_who_is_asked_says_so() -> None:
    async with service("good") as process:
        process.send_signal(signal.SIGTERM)
        assert (await end(process))[2] == "SIGTERM: stopping; once more exits at once"


async def test_an_actor_that_ignores_everything_cannot_hang_the_process() -> None:
    async with service("deaf", grace=0.1) as process:
        process.send_signal(signal.SIGTERM)
        await read(process, "finishing")
        assert (await end(process))[:2] == (1, "abandoned service")


async def test_an_actor_that_cannot_be_kept_alive_ends_the_process() -> None:
    async with service("crash") as process:
        code, _, err = await end(process)
        assert (code, err.splitlines()[-1]) == (
            1,
            "service: more than 2 restarts within 60 s; last error: RuntimeError: boom",
        )


async def test_what_was_installed_before_is_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with handle_signals(lambda: None):
        within = [signal.getsignal(number) for number in SIGNALS]
    assert ([signal.getsignal(number) for number in SIGNALS], within != before) == (before, True)


async def test_a_cancellation_that_no_signal_asked_for_goes_on() -> None:
    task = asyncio.create_task(until_signal(asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
