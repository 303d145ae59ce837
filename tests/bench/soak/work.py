"""What callers do all the while: questions, exported files, mailed reports."""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.bench.figures import quantile, say
from tests.bench.questions import QUESTIONS, ranges
from tests.bench.soak.times import Times

ASK_SECONDS = 0.5
LOOK_SECONDS = 0.2
LIMIT_SECONDS = 300.0  # for a file or a report
RANGES = 20
EXPORT = {"dataset": "payment_events", "format": "parquet"}
REPORT = {
    "report_name": "soak",
    "owner_email": "owner@example.com",
    "report_type": "comprehensive",
    "frequency": "daily",
    "format": "excel",
    "recipients": ["ada@example.com"],
}


class Callers:
    """Ask until they are cancelled. `done`: how often what was answered; `failed`: what was not, and how often."""

    def __init__(self, client: httpx.AsyncClient, times: Times) -> None:
        self._client = client
        self._times = times
        self._lately: deque[float] = deque(maxlen=2 * len(QUESTIONS))  # of every question as many
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    @property
    def p95_ms(self) -> float:
        """Of the last two turns of all questions; not a number before the first answer."""
        return 1000 * quantile(self._lately, 0.95) if self._lately else float("nan")

    async def run(self) -> None:
        """All of them, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._questions())
            group.create_task(self._every(self._times.export, "export", self._export))
            group.create_task(self._every(self._times.report, "report", self._report))

    async def _questions(self) -> None:
        """All questions in turn, each time of another range, so that none is answered from the cache."""
        while True:
            for edges in ranges(datetime.now(UTC), 30, RANGES):
                for question in QUESTIONS:
                    begun = time.perf_counter()
                    await self._counted("question", self._answer("GET", question.url(*edges)))
                    took = time.perf_counter() - begun
                    self._lately.append(took)
                    await asyncio.sleep(max(0.0, ASK_SECONDS - took))

    async def _every(self, seconds: float, what: str, make: Callable[[], Awaitable[object]]) -> None:
        begun = time.monotonic()
        for n in itertools.count():
            await self._counted(what, make())
            await asyncio.sleep(max(0.0, begun + (n + 1) * seconds - time.monotonic()))

    async def _counted(self, what: str, doing: Awaitable[object]) -> None:
        """What fails is counted, and shows in the end: the soak goes on."""
        try:
            await doing
        except (httpx.HTTPError, TimeoutError, RuntimeError) as error:
            say(f"soak: {what}: {error!r}")
            self.failed[what] += 1
        else:
            self.done[what] += 1

    async def _export(self) -> None:
        """A file of the last week is made, read and removed."""
        today = datetime.now(UTC).date()
        dates = {"start_date": f"{today - timedelta(days=7)}", "end_date": f"{today}", "timezone": "UTC"}
        told = await self._answer("POST", "/v1/exports/request", EXPORT | dates)
        path = f"/v1/exports/{told['export_id']}"
        await self._until(f"{path}/status")
        async with self._client.stream("GET", f"{path}/download") as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_raw():
                pass
        (await self._client.delete(path)).raise_for_status()

    async def _report(self) -> None:
        """A schedule is made, run by hand, and removed."""
        schedule = await self._answer("POST", "/v1/reports/schedule", REPORT)
        path = f"/v1/reports/schedule/{schedule['id']}"
        told = await self._answer("POST", f"{path}/execute")
        await self._until(f"/v1/reports/executions/{told['id']}")
        (await self._client.delete(path)).raise_for_status()

    async def _until(self, path: str) -> None:
        """Wait for the end. Raises RuntimeError if that is not `completed`."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                told = await self._answer("GET", path)
                if told["status"] not in ("pending", "processing", "running"):
                    break
                await asyncio.sleep(LOOK_SECONDS)
        if told["status"] != "completed":
            raise RuntimeError(f"{path}: {told}")

    async def _answer(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self._client.request(method, path, json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found
