"""How long until it can be used: the embedded servers, `serve` where all servers are up, and all by `dev`."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx

from openride_analytics.embedded.process import free_port
from openride_analytics.embedded.stack import Stack, topics_of
from openride_analytics.settings import load
from tests.bench.backlog import check
from tests.bench.figures import Figure, say
from tests.support.kafka_broker import KafkaBroker
from tests.support.service import Process, running

STOP_SECONDS = 20


async def measure(broker: str, runs: int) -> list[Figure]:
    """First starts find nothing, later ones what the first have left; of those the best of some runs."""
    with tempfile.TemporaryDirectory(prefix="openride-bench-") as name:
        folder = Path(name)
        stacks = [await _stack(folder / "stack") for _ in range(1 + runs)]
        serves = await _serves(folder, broker, 1 + runs)
        devs = [
            await _until_up(folder, {}, "dev", "--no-simulate", "--data-dir", str(folder / "dev"))
            for _ in range(1 + runs)
        ]
    what = {
        "embedded servers": (stacks, "all five answer"),
        "serve": (serves, f"servers up ({broker} broker); the first one migrates"),
        "dev": (devs, "embedded servers and service, as `make run`"),
    }
    return [
        figure
        for name, (seconds, note) in what.items()
        for figure in (
            Figure("startup", f"{name}, first time", seconds[0], "s", note),
            Figure("startup", f"{name}, again", min(seconds[1:]), "s"),
        )
    ]


async def _stack(folder: Path) -> float:
    begun = time.monotonic()
    async with Stack(folder, topics=topics_of(load({}))):
        took = time.monotonic() - begun
    say(f"startup: embedded servers in {took:.2f} s")
    return took


async def _serves(folder: Path, broker: str, times: int) -> list[float]:
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(Stack(folder / "serve", topics=topics_of(load({}))))
        environ = stack.env()
        if broker == "kafka":
            real = KafkaBroker(folder / "broker")
            exits.callback(real.kill)
            await asyncio.to_thread(real.start)
            del environ["KAFKA_SESSION_TIMEOUT_MS"]
            environ["KAFKA_BOOTSTRAP_SERVERS"] = real.bootstrap
        return [await _until_up(folder, environ, "serve") for _ in range(times)]


async def _until_up(folder: Path, environ: Mapping[str, str], *command: str) -> float:
    """Seconds from the start of the process to the first /health/ready that says yes."""
    port = free_port()
    async with running(*command, environ={**environ, "PORT": str(port)}, log=folder / "log") as process:
        took = await until_ready(f"http://127.0.0.1:{port}", process)
        process.send(signal.SIGTERM)
        await process.ended(STOP_SECONDS)
    say(f"startup: {command[0]} in {took:.2f} s")
    return took


async def until_ready(url: str, service: Process) -> float:
    """Wait until the service says that it is ready; seconds waited."""
    begun = time.monotonic()
    async with httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/health/ready")).status_code == 200:
                    return time.monotonic() - begun
            check(service, time.monotonic() - begun)
            await asyncio.sleep(0.01)
