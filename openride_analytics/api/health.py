"""Can this process do its work? What readiness says, put together from probes, actors and partitions.

The dependencies are asked all at once, each at most `PROBE_SECONDS`, and what they said is kept for
`KEEP_SECONDS`: a storm of probes asks them no oftener than that. What the process knows of itself, its actors
and partitions, is looked up anew each time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final, Literal

import msgspec

from openride_analytics.api.dependencies import PartitionStatus, Resources
from openride_analytics.schema.results import SystemHealth, about
from openride_analytics.store.probes import (
    Keeps,
    Probe,
    probe_clickhouse,
    probe_files,
    probe_kafka,
    probe_postgres,
    probe_redis,
    probe_schema,
    probe_smtp,
)
from openride_analytics.supervisor import ChildStatus, Restart, State

PROBE_SECONDS: Final = 2.0
KEEP_SECONDS: Final = 1.0

# Without these no question can be answered.
NEEDED: Final = ("clickhouse", "schema")

_MOST_PARTITIONS: Final = 20
_MOST_DETAIL: Final = 200

CheckState = Literal["ok", "degraded", "down", "not configured"]


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: Annotated[str, about("a dependency, an actor, or all partitions together")]
    state: CheckState
    latency_ms: Annotated[float | None, about("null where nothing was asked")]
    critical: Annotated[bool, about("whether the service is not ready while this is down")]
    detail: str


class Report(msgspec.Struct, frozen=True):
    """`critical` if a critical check is down, `degraded` if any check is not as it should be."""

    status: SystemHealth
    checks: list[Check]


class Alive(msgspec.Struct, frozen=True):
    """That there is an answer is the answer."""

    status: str = "alive"


class Health:
    """`children` and `partitions` give what there is at the moment of the call; `files`: where exports are made."""

    def __init__(
        self,
        resources: Resources,
        *,
        children: Callable[[], Iterable[ChildStatus]],
        partitions: Callable[[], Iterable[PartitionStatus]],
        files: Keeps | None = None,
    ) -> None:
        self._resources = resources
        self._children = children
        self._partitions = partitions
        self._files = files
        self._asking: asyncio.Task[Sequence[Probe]] | None = None
        self._asked_at = 0.0
        self._schema_is_right = False  # as far as it has said

    async def report(self) -> Report:
        """How it is now, at most `KEEP_SECONDS` old. Takes `PROBE_SECONDS` and a little at most."""
        checks = [
            *(self._of_probe(probe) for probe in await self._probes()),
            *map(_of_child, self._children()),
            _of_partitions(list(self._partitions())),
        ]
        return Report(_overall(checks), checks)

    async def close(self) -> None:
        """End a question that is under way."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])

    async def _probes(self) -> Sequence[Probe]:
        """Whoever comes while they are being asked waits for the same answer."""
        asking, now = self._asking, self._resources.clock.monotonic()
        if asking is None or (asking.done() and now - self._asked_at >= KEEP_SECONDS):
            asking = self._asking = asyncio.create_task(self._ask(), name="health")
        return await asyncio.shield(asking)  # one caller's leaving is not the others' loss

    async def _ask(self) -> Sequence[Probe]:
        given, limit = self._resources, PROBE_SECONDS
        settings = given.settings
        try:
            return await asyncio.gather(
                probe_clickhouse(given.clickhouse, limit=limit),
                probe_schema(given.clickhouse, settings, limit=limit),
                probe_kafka(settings.kafka, limit=limit),
                probe_redis(given.redis, limit=limit),
                probe_postgres(given.postgres, limit=limit),
                probe_smtp(settings.smtp, limit=limit),
                *([] if self._files is None else [probe_files(self._files, limit=limit)]),
            )
        finally:
            self._asked_at = given.clock.monotonic()

    def _of_probe(self, probe: Probe) -> Check:
        asked = probe.state != "not configured"
        latency = probe.latency_ms if asked else None
        state: CheckState = probe.state
        if probe.name == "schema":
            # It takes five statements. A ClickHouse that is slow, but answers, must not take all replicas out at once.
            if not probe.late:
                self._schema_is_right = state == "ok"
            elif self._schema_is_right:
                state = "degraded"
        return Check(probe.name, state, latency, probe.name in NEEDED, _short(probe.detail))


def _overall(checks: Iterable[Check]) -> SystemHealth:
    status = SystemHealth.HEALTHY
    for check in checks:
        if check.state == "down" and check.critical:
            return SystemHealth.CRITICAL
        if check.state in ("down", "degraded"):
            status = SystemHealth.DEGRADED
    return status


def _of_child(child: ChildStatus) -> Check:
    restarts = f", restarted {child.restarts} times" if child.restarts else ""
    # Of what it raised only the kind: the message was written for the log.
    kind = (child.last_error or "").partition(":")[0]
    why = f", last error {kind}" if kind else ""
    critical = child.restart is Restart.PERMANENT
    return Check(f"actor {child.name}", _child_state(child), None, critical, f"{child.state}{restarts}{why}")


def _child_state(child: ChildStatus) -> CheckState:
    if child.state is State.RUNNING:
        return "ok"
    if child.state in (State.WAITING, State.STARTING):  # for a server that is away, as long as that takes
        return "degraded"
    if child.state is State.STOPPED and child.restart is not Restart.PERMANENT:  # it has done what it had to
        return "ok"
    return "down"


def _of_partitions(partitions: Sequence[PartitionStatus]) -> Check:
    """Partitions that are not stored from are named, with what keeps them."""
    states = Counter(str(partition.state) for partition in partitions)
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none assigned"
    held = [partition for partition in partitions if str(partition.state) != "running"]
    named = [
        f"{partition.tp.topic}/{partition.tp.partition} {partition.state}"
        + (f": {_short(partition.problem)}" if partition.problem else "")
        for partition in held[:_MOST_PARTITIONS]
    ]
    more = [f"and {len(held) - len(named)} more"] if len(held) > len(named) else []
    detail = "; ".join([counted, *named, *more])
    return Check("partitions", "degraded" if held else "ok", None, False, detail)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_DETAIL else text[: _MOST_DETAIL - 3] + "..."
