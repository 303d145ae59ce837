"""Sends simulated rides: days that have passed as fast as they are taken, then life as it goes on."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TextIO

from openride_analytics.clock import Clock, SystemClock, utc_now
from openride_analytics.settings import Kafka
from openride_analytics.simulate.pace import TICK
from openride_analytics.simulate.producer import EventProducer, open_producer
from openride_analytics.simulate.progress import Progress
from openride_analytics.simulate.rides import Rides
from openride_analytics.simulate.told import LOCAL, Told
from openride_analytics.telemetry import Traces

EVERY = 500  # events between two looks at the progress; also how long a quiet topic's batch may wait


@dataclass(frozen=True)
class Options:
    """What `Simulation` is to do. It goes on until cancelled unless there is a `count` or a `duration`."""

    days: int = 7
    rate: float = 20  # events a second after the history; 0: only the planned rides
    drivers: int = 200
    riders: int = 2000
    seed: int = 1
    now: datetime | None = None  # the moment to pretend: then the same options send the same bytes
    count: int | None = None  # events in all
    duration: float | None = None  # seconds after the history


class _Enough(Exception):  # noqa: N818 - not an error
    """`count` events are sent."""


class Simulation:
    """One run. `sent` (acknowledged by Kafka) also holds after a failure or a cancellation."""

    def __init__(
        self,
        options: Options,
        kafka: Kafka,
        *,
        stream: TextIO = sys.stderr,
        clock: Clock | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._options = options
        self._traces = traces
        self._kafka = kafka
        self._stream = stream
        self._clock = clock or SystemClock()
        self._told = 0
        self.sent = 0

    async def run(self) -> None:
        """Raises Retryable when Kafka takes no more."""
        options, now = self._options, self._now()
        rides = Rides(
            seed=options.seed,
            drivers=options.drivers,
            riders=options.riders,
            first_day=now.astimezone(LOCAL).date() - timedelta(days=options.days - 1),
        )
        with Progress(self._stream, "simulate", total=options.count, unit=" events") as progress:
            producer: EventProducer | None = None
            try:
                async with open_producer(
                    self._kafka, say=progress.say, clock=self._clock, traces=self._traces
                ) as producer:
                    with suppress(_Enough):
                        await self._history(rides, now, producer, progress)
                        await self._live(rides, self._now(), producer, progress)
                    await producer.flush()
            finally:  # what was on its way has been acknowledged while the producer stopped
                self.sent = producer.sent if producer else 0
                progress.update(self.sent, self.sent)

    def _now(self) -> datetime:
        return self._options.now or utc_now(self._clock)

    async def _history(
        self, rides: Rides, now: datetime, producer: EventProducer, progress: Progress
    ) -> None:
        for told in rides.prelude():
            await self._send(told, producer, progress)
        for told in rides.until(now):
            await self._send(told, producer, progress)
        await producer.flush()
        progress.update(producer.sent, producer.sent)
        progress.say(f"{producer.sent:,} events of the past are sent; from here on, life as it goes on")

    async def _live(self, rides: Rides, now: datetime, producer: EventProducer, progress: Progress) -> None:
        """Each event when its time has come, where this begins at `now`."""
        options = self._options
        begun = self._clock.monotonic()
        for told in rides.live(now, options.rate):
            after = (told.at - now).total_seconds()
            if options.duration is not None and after >= options.duration:
                return
            wait = begun + after - self._clock.monotonic()
            if wait > 0:
                await producer.submit()
                progress.update(producer.sent, producer.sent)
                await self._clock.sleep(max(wait, TICK))  # a little late rather than early
            await self._send(told, producer, progress)

    async def _send(self, told: Told, producer: EventProducer, progress: Progress) -> None:
        await producer.send(told.kind, told.key.encode(), told.encode())
        self._told += 1
        if self._told == self._options.count:
            raise _Enough
        if self._told % EVERY == 0:
            await producer.submit()
            progress.update(producer.sent, producer.sent)
