"""Redis: a client that answers or fails at once, since everything kept there can be had again without it."""

from typing import Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from openride_analytics import settings as tree

TIMEOUT_SECONDS: Final = 0.2  # for connecting and for each answer

Client: TypeAlias = Redis | RedisCluster


def connect(settings: tree.Redis) -> Client:
    """A client that connects when it is first used. Close it with `aclose()`.

    redis-py would retry ten times, for minutes in all, while a request waits; this one never repeats a
    command.
    """
    never = Retry(NoBackoff(), 0)
    if settings.cluster:
        return RedisCluster.from_url(
            settings.url.reveal(),
            retry=never,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
    return Redis.from_url(
        settings.url.reveal(),
        retry=never,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
