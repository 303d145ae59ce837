"""Rate limits, counted in Redis: one count for all replicas, made in one step that nobody can come between.

While Redis is away everybody may go on: numbers that cannot be asked for are worse than too many questions. Those who
are there when it is noticed wait DEADLINE_SECONDS at most, the others not at all. However many come at once, all are
counted: to be many is no way to be let through.
"""

import hashlib
from math import ceil
from typing import Final

from redis.exceptions import RedisError

from openride_analytics.store.batches import Batches
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.redis import Client

DEADLINE_SECONDS: Final = 0.15  # for those who are counted together, connecting included
WINDOW_MS: Final = 60_000

# A window begins with its first request and ends by itself. A key without an end, or that holds something else,
# would shut somebody out for ever: it is begun anew.
_COUNT: Final = """
local used = redis.pcall('INCR', KEYS[1])
if type(used) ~= 'number' then
  redis.call('SET', KEYS[1], 1)
  used = 1
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {used, left}
"""


class RateLimits:
    """At most `per_minute` requests of each client in a minute; 0: no limit.

    `breaker` is that of all who use this Redis: a request that has waited for one of them must not wait for another.
    """

    def __init__(self, client: Client, breaker: Breaker, per_minute: int) -> None:
        self._redis = Batches(client, breaker, seconds=DEADLINE_SECONDS)
        self._per_minute = per_minute

    async def wait_seconds(self, client: str) -> int:
        """Count a request of `client`: 0 if it may go on, else after how many seconds it may come again."""
        if self._per_minute == 0:
            return 0
        try:
            used, left = await self._count(client)
        except (RedisError, OSError, TimeoutError):
            return 0
        return 0 if used <= self._per_minute else max(1, ceil(left / 1000))

    async def _count(self, client: str) -> tuple[int, int]:
        """Requests in this window, this one among them, and milliseconds until it ends."""
        used, left = await self._redis("EVAL", _COUNT, 1, key_of(client), WINDOW_MS)
        return int(used), int(left)


def key_of(client: str) -> str:
    """Where a client's requests are counted. Hashed: it may be somebody's address, and Redis is no place for it."""
    return f"openride:rate:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
