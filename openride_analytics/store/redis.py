"""Redis: one client for all, each use of it within limits of its own: what can be had without it must not wait."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from openride_analytics import settings as tree

TIMEOUT_SECONDS: Final = (
    2.0  # for connecting and for each answer: as long as the most patient use of it waits
)
CONNECTIONS: Final = 128  # to each server: more than all uses take together, so that none is refused one

Client: TypeAlias = Redis | RedisCluster


def connect(settings: tree.Redis, *, timeout: float = TIMEOUT_SECONDS) -> Client:
    """A client that connects when it is first used, and waits `timeout` seconds for a connection and for each answer.
    Close it with `aclose()`.

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
            max_connections=CONNECTIONS,
        )
    return Redis.from_url(
        settings.url.reveal(),
        retry=never,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        max_connections=CONNECTIONS,
    )


async def leave_behind(client: Client, errors: Iterable[object]) -> None:
    """Drop idle connections if one of `errors` says that they lead to a server that only reads: after a failover the
    server of before keeps them open, while others are made to whatever the address leads to now.

    Of a cluster the client sees to that itself, as it is told by MOVED. Scripts have the word in the middle.
    """
    if isinstance(client, Redis) and any(
        isinstance(e, ResponseError) and "READONLY" in str(e) for e in errors
    ):
        await client.connection_pool.disconnect(inuse_connections=False)


class Use:
    """One use of the client: so many commands `at_once`, each done within so many `seconds` or given up.

    Its timeouts are the client's, for all; these limits are not. A command that is given up, or whose caller was
    cancelled, takes its connection with it: what Redis says late is nobody else's answer. The others of a use wait for
    their turn, within their time, so that one use leaves connections to the rest.
    """

    def __init__(self, client: Client, *, seconds: float, at_once: int) -> None:
        self._client: Any = client
        self._seconds = seconds
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, *command: object) -> Any:
        """What Redis answers. Raises RedisError, OSError, TimeoutError."""
        async with asyncio.timeout(self._seconds), self._turns:
            try:
                return await self._client.execute_command(*command)
            except ResponseError as error:
                await leave_behind(self._client, [error])
                raise
