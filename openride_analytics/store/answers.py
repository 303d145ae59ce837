"""Answers kept in Redis for a while, each computed once however many ask, in however many processes.

Redis is never needed: slow, down or full of junk it only makes a question a miss, and it is left alone for some
seconds after it failed.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias
from uuid import uuid4

import msgspec
from redis.exceptions import RedisError

from openride_analytics.store.batches import Away, Batches
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.flights import Flights
from openride_analytics.store.redis import Client
from openride_analytics.telemetry import Metrics
from openride_analytics.telemetry.spans import CACHE, CACHE_HIT, span

# A claim to compute an answer lasts so long unless it is renewed: if who has it dies, another one begins.
CLAIM_MS: Final = 3_000
# So often in that time it is renewed.
_RENEWALS: Final = 3
# How often those who wait for it look whether it is there.
LOOK_SECONDS: Final = 0.03
DEADLINE_SECONDS: Final = 0.15  # for commands that are sent together, connecting included

_DIGEST_BYTES: Final = 16

# One round trip: the answer if there is one other than that known to be outdated, else 1 if it is for us to compute, 0
# if somebody else does.
_LOOK_OR_CLAIM: Final = """
local found = redis.call('GET', KEYS[1])
if found and (ARGV[3] == '' or string.sub(found, 1, #ARGV[3]) ~= ARGV[3]) then return found end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""
_RENEW: Final = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
)
_KEEP: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
"""
_GIVE_UP: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A body as it goes to callers, a `tag` that is the same for the same numbers, when it was made (epoch s), for how
    many seconds it may be kept, and of how many stored events it is, if that decides whether it still holds."""

    body: bytes
    tag: str
    made_at: float
    seconds: int
    stored: int | None = None


Make: TypeAlias = Callable[[], Awaitable[Answer]]
Holds: TypeAlias = Callable[[Answer], Awaitable[bool]]


async def _always(_: Answer) -> bool:
    return True


class Answers:
    """The one cache of answers."""

    def __init__(self, client: Client, breaker: Breaker, *, metrics: Metrics) -> None:
        """`breaker` is that of all who use this Redis."""
        self._redis = Batches(client, breaker, seconds=DEADLINE_SECONDS)
        self.metrics = metrics
        self._flights: Flights[tuple[Answer, bool]] = Flights()

    async def get(self, question: str, make: Make, holds: Holds = _always) -> tuple[Answer, bool]:
        """The answer to a question, and whether it was there already.

        `question` names everything that decides the answer, but for what `holds` looks at. Raises what these two raise.
        When nobody waits for it any more, they are cancelled.
        """
        with span(CACHE) as found:
            key = key_of(question)
            answer, hit = await self._flights.join(key, lambda: self._fly(key, make, holds))
            found.set_attribute(CACHE_HIT, hit)
        self.metrics.cache_requests_total.labels("hit" if hit else "miss").inc()
        return answer, hit

    async def _fly(self, key: str, make: Make, holds: Holds) -> tuple[Answer, bool]:
        token, outdated = uuid4().hex, b""
        while (found := await self._look_or_claim(key, token, outdated)) is not True:
            if found is False:
                await asyncio.sleep(LOOK_SECONDS)
            elif await holds(found):
                return found, True
            else:
                outdated = _packed(found)[:_DIGEST_BYTES]
        renewing = asyncio.create_task(self._renew(key, token))
        try:
            made = await make()
        except BaseException:
            await self._call("EVAL", _GIVE_UP, 1, _claim(key), token)
            raise
        finally:
            renewing.cancel()
        await self._call("EVAL", _KEEP, 2, key, _claim(key), token, _packed(made), made.seconds)
        return made, False

    async def _renew(self, key: str, token: str) -> None:
        """As long as it runs nobody else begins to compute the same, however long it takes."""
        while True:
            await asyncio.sleep(CLAIM_MS / 1000 / _RENEWALS)
            await self._call("EVAL", _RENEW, 1, _claim(key), token, CLAIM_MS)

    async def _look_or_claim(self, key: str, token: str, outdated: bytes) -> Answer | bool:
        """The answer, unless it begins as `outdated`; or True if it is for us to compute, also where Redis cannot tell;
        False if somebody else does."""
        try:
            found = await self._call("EVAL", _LOOK_OR_CLAIM, 2, key, _claim(key), token, CLAIM_MS, outdated)
        except asyncio.CancelledError:  # it may be ours already: whoever asks next need not wait for its end
            await self._call("EVAL", _GIVE_UP, 1, _claim(key), token)
            raise
        if isinstance(found, bytes | str):
            return _unpacked(found) or True
        return bool(found != 0)

    async def _call(self, *command: object) -> Any:
        """What Redis answers; None while it cannot."""
        try:
            return await self._redis(*command)
        except Away:
            return None
        except (RedisError, OSError, TimeoutError):
            self.metrics.cache_failures_total.inc()
            return None


def key_of(question: str) -> str:
    """Where the answer is kept; in a Redis cluster in the slot of whatever else begins with it."""
    return f"openride:answer:{{{hashlib.blake2b(question.encode(), digest_size=16).hexdigest()}}}"


def _claim(key: str) -> str:
    return f"{key}:claim"


def _packed(answer: Answer) -> bytes:
    packed = msgspec.msgpack.encode(answer)
    return _digest(packed) + packed


def _unpacked(kept: bytes | str) -> Answer | None:
    """None for whatever is not an answer that was packed here."""
    raw = kept if isinstance(kept, bytes) else kept.encode(errors="replace")
    digest, packed = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(packed):
        return None
    try:
        return msgspec.msgpack.decode(packed, type=Answer)
    except msgspec.MsgspecError:
        return None


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_DIGEST_BYTES, person=b"openride-answer1").digest()
