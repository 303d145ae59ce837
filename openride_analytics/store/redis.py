"""Redis: a client that answers or fails at once, since nearly all that is kept there can be had without it."""

from typing import Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from openride_analytics import settings as tree

TIMEOUT_SECONDS: Final = 0.2  # for connecting and for each answer

Client: TypeAlias = Redis | RedisCluster


def connect(settings: tree.Redis, *, timeout: float = TIMEOUT_SECONDS) -> Client:
    """A client that connects when it is first used, and waits `timeout` seconds for a connection and for each answer:
    longer for what cannot be done without. Close it with `aclose()`.

    redis-py would retry ten times, for minutes in all, while a request waits; this one never repeats a
    command.
    """
    never = Retry(NoBackoff(), 0)
    if settings.cluster:
        return RedisCluster.from_url(
            settings.url.reveal(),
            retry=never,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )
    return Redis.from_url(
        settings.url.reveal(),
        retry=never,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
