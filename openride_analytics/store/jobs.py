"""Jobs in Redis: made once, worked on by one at a time, taken up again when whoever did that died.

Who works on a job holds a lease, which it renews, and a token, which everything it says must have: whoever was paused
for so long that another one took over is told that the job is no longer its own. State that is lost (a flush) is a job
that nobody knows any more. Unlike the cache, nothing here can be done without Redis: every call raises Retryable.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from redis.exceptions import RedisError

from openride_analytics.errors import Retryable
from openride_analytics.store import job_scripts as scripts
from openride_analytics.store.once import Once
from openride_analytics.store.redis import Client, Use
from openride_analytics.telemetry import Metrics

DEADLINE_SECONDS: Final = 5.0  # longer than the client waits for an answer: nobody else can give this one
AT_ONCE: Final = 16
LEASE_MS: Final = 30_000
MOST_DEATHS: Final = 1  # are forgiven
DIED: Final = "whoever worked on it died, twice"
_SAME_SLOT: Final = "openride:{exports}:"
_TOGETHER: Final = 50


@dataclass(frozen=True)
class Job:
    """One as it is now. Times in ms since 1970; `rows` of `total` are done; `result` is what its worker said at its
    end: `rows`, `total`, `file`, `size`, `warnings`, `error`; `trace`: the traceparent of the request that made it."""

    id: str
    owner: str
    kind: str
    order: bytes
    status: str
    created: int
    updated: int
    expires: int | None
    rows: int
    total: int | None
    deaths: int
    generation: int
    result: dict[str, str]
    remembered: str
    trace: str = ""


@dataclass(frozen=True)
class Claim:
    """A job that is ours to do."""

    job: Job
    token: str


@dataclass(frozen=True)
class Created:
    """`outcome`: created | known (the same request came before: `id` is its job) | other (that one was another) |
    crowded (its owner has enough) | full (all together have). `job`: as it was created, before anybody took it."""

    outcome: str
    id: str
    job: Job | None = None


class Jobs:
    """The jobs of one kind of work. `keep_ms`: how long they are known after their end."""

    def __init__(
        self, client: Client, *, keep_ms: int, lease_ms: int = LEASE_MS, metrics: Metrics | None = None
    ) -> None:
        self._redis = Use(client, seconds=DEADLINE_SECONDS, at_once=AT_ONCE)
        self._metrics = metrics
        self._keep = keep_ms
        self._unanswered: list[tuple[str, str]] = []  # claims: the id and the token of each
        self.lease_ms = lease_ms

    async def create(
        self,
        order: bytes,
        *,
        kind: str,
        subject: str,
        most_of_one: int,
        most: int,
        once: Once | None,
        trace: str = "",
    ) -> Created:
        """A new job that waits, or the one that came with the key of `once` first; `trace`: a traceparent, for whoever
        works on it."""
        id_, owner = str(uuid4()), owner_of(subject)
        key, print_ = once or ("", "")
        outcome, found, *fields = await self._run(
            scripts.CREATE,
            [_job(id_), _key("queue"), _owned(owner), _key("active"), _remembered(owner, key)],
            id_, owner, order, kind, most_of_one, most, print_, self._keep, trace,
        )  # fmt: skip
        return Created(_text(outcome), _text(found), *map(_decoded, fields))

    async def get(self, id_: str) -> Job | None:
        """The job, whosever it is."""
        return next(iter(_jobs(await self._fields([id_]))), None)

    async def of(self, subject: str, *, offset: int, limit: int) -> tuple[list[Job], int]:
        """A subject's jobs from `offset` on, the newest first; and how many there are."""
        key = _owned(owner_of(subject))
        while True:
            ids = list(map(_text, await self._call("ZREVRANGE", key, offset, offset + limit - 1)))
            found = await self._fields(ids)
            lost = [id_ for id_, fields in zip(ids, found, strict=True) if not fields]
            if not lost:
                return _jobs(found), int(await self._call("ZCARD", key))
            await self._call("ZREM", key, *lost)

    async def claim(self) -> Claim | None:
        """The job that has waited longest, now ours; None if none waits. What may be ours already comes first."""
        while self._unanswered:
            if (found := await self._claim(*self._unanswered.pop())) is not None:
                return found
        for id_ in map(_text, await self._call("ZRANGE", _key("queue"), 0, 4)):
            if (found := await self._claim(id_, uuid4().hex)) is not None:
                return found
        return None

    async def beat(self, claim: Claim, rows: int, total: int | None) -> bool:
        """Renew the lease and say how far it is; whether the job is still ours."""
        keys, known = [_job(claim.job.id), _key("running")], "" if total is None else total
        return bool(
            await self._run(scripts.BEAT, keys, claim.job.id, claim.token, self.lease_ms, rows, known)
        )

    async def finish(self, claim: Claim, status: str, result: dict[str, str | int]) -> bool:
        """End it; whether it was ours to end. To say so again changes nothing."""
        keys = [_job(claim.job.id), _key("running"), _key("active"), _key("ends")]
        said = [part for pair in result.items() for part in pair]
        return bool(
            await self._run(scripts.FINISH, keys, claim.job.id, claim.token, status, self._keep, *said)
        )

    async def hand_back(self, claim: Claim) -> bool:
        """Let somebody else do it, from its beginning."""
        keys = [_job(claim.job.id), _key("running"), _key("queue")]
        return bool(await self._run(scripts.HAND_BACK, keys, claim.job.id, claim.token))

    async def abandon(self, claim: Claim) -> bool:
        """Say that whoever worked on it has died; `reclaim` sees to the rest."""
        keys = [_job(claim.job.id), _key("running")]
        return bool(await self._run(scripts.ABANDON, keys, claim.job.id, claim.token))

    async def reclaim(self) -> list[str]:
        """Take the jobs of those who died from them: what each is now, pending or failed."""
        found = []
        for id_ in await self._due("running"):
            keys = [_job(id_), _key("running"), _key("active"), _key("ends"), _key("queue")]
            found.append(_text(await self._run(scripts.RECLAIM, keys, id_, self._keep, MOST_DEATHS, DIED)))
        return [status for status in found if status]

    async def cancel(self, id_: str, subject: str) -> str:
        """End a job that is not over; what it was before, '' if the subject has no such job."""
        keys = [_job(id_), _key("running"), _key("active"), _key("ends"), _key("queue")]
        return _text(await self._run(scripts.CANCEL, keys, id_, owner_of(subject), self._keep))

    async def forget(self, id_: str, owner: str, remembered: str = "") -> None:
        """Nothing is left of it; nor of the caller's key for it, where that is `remembered`."""
        keys = [_job(id_), _owned(owner), _key("ends"), _key("active"), remembered or _remembered(owner, "")]
        await self._run(scripts.FORGET, keys, id_, owner)

    async def expired(self) -> list[str]:
        """Ids of jobs whose time is over."""
        return await self._due("ends")

    async def waiting(self) -> tuple[int, float]:
        """How many wait, and for how many seconds the first has."""
        count, age = await self._run(scripts.WAITING, [_key("queue")])
        return int(count), int(age) / 1000

    async def drop_lost(self) -> None:
        """Those that count as active and are not known any more hold nobody's place."""
        for member in map(_text, await self._call("ZRANGE", _key("active"), 0, -1)):
            owner, _, id_ = member.partition(":")
            if not await self._call("EXISTS", _job(id_)):
                await self.forget(id_, owner)

    async def _claim(self, id_: str, token: str) -> Claim | None:
        keys = [_job(id_), _key("queue"), _key("running")]
        try:
            job = _decoded(await self._run(scripts.CLAIM, keys, id_, token, self.lease_ms))
        except Retryable:
            self._unanswered.append((id_, token))
            raise
        return None if job is None else Claim(job, token)

    async def _due(self, name: str) -> list[str]:
        return list(map(_text, await self._run(scripts.DUE, [_key(name)], _TOGETHER)))

    async def _fields(self, ids: Sequence[str]) -> list[Any]:
        """Of each job; nothing of one that is not known any more."""
        found: list[Any] = []
        for start in range(0, len(ids), _TOGETHER):
            found += await self._run(scripts.READ, list(map(_job, ids[start : start + _TOGETHER])))
        return found

    async def _run(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        return await self._call("EVAL", script, len(keys), *keys, *arguments)

    async def _call(self, *command: object) -> Any:
        try:
            return await self._redis(*command)
        except (RedisError, OSError, TimeoutError) as error:
            if self._metrics is not None:
                self._metrics.cache_failures_total.inc()
            raise Retryable("redis", type(error).__name__) from None


def owner_of(subject: str) -> str:
    """Whose a job is. Hashed: a subject may be somebody's address, and Redis is no place for it."""
    return hashlib.sha256(subject.encode()).hexdigest()[:32]


def _key(name: str) -> str:
    return f"{_SAME_SLOT}{name}"


def _job(id_: str) -> str:
    return _key(f"job:{id_}")


def _owned(owner: str) -> str:
    return _key(f"of:{owner}")


def _remembered(owner: str, key: str) -> str:
    return _key(f"once:{owner}:{hashlib.sha256(key.encode()).hexdigest()[:32]}")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _jobs(found: Iterable[Any]) -> list[Job]:
    return [job for fields in found if (job := _decoded(fields)) is not None]


def _decoded(fields: Iterable[Any]) -> Job | None:
    """None for what is not a job, or not one that was written here."""
    flat = [part if isinstance(part, bytes) else str(part).encode() for part in fields]
    found = {_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
    try:
        return Job(
            id=_text(found["id"]),
            owner=_text(found["owner"]),
            kind=_text(found["kind"]),
            order=found["order"],
            status=_text(found["status"]),
            created=int(found["created"]),
            updated=int(found["updated"]),
            expires=int(found["expires"]) if "expires" in found else None,
            rows=int(found["rows"]),
            total=int(found["total"]) if "total" in found else None,
            deaths=int(found["deaths"]),
            generation=int(found["generation"]),
            result={
                name: _text(found[name]) for name in ("file", "size", "warnings", "error") if name in found
            },
            remembered=_text(found.get("remembered")),
            trace=_text(found.get("trace")),
        )
    except (KeyError, ValueError):
        return None
