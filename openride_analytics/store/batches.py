"""Commands for Redis in batches: while one is on its way the next gathers, so that nobody waits for more than one
before that with its own command, however many come at once.

For what can be done without Redis: a batch that fails opens the breaker, and who waits behind it is turned away.
"""

import asyncio
from typing import Any, Final, TypeAlias

from redis.exceptions import RedisError, ResponseError

from openride_analytics.store.breaker import Breaker
from openride_analytics.store.redis import Client, leave_behind

# A deadline passes in so many steps, each of which the event loop has to come round for: while it is held up, Redis may
# have answered long ago. To connect takes some 25 rounds, a step at least two.
STEPS: Final = 15

Command: TypeAlias = tuple[object, ...]


class Away(RedisError):  # noqa: N818 - as our errors: the name says what happened
    """Redis has just failed somebody else, and was not asked."""


class Batches:
    """Each batch is answered within so many `seconds` or given up, with its connection: what Redis says late is nobody
    else's answer. Whoever leaves takes nothing from the others: the batch goes on."""

    def __init__(self, client: Client, breaker: Breaker, *, seconds: float) -> None:
        """`breaker` is that of all who can do without this Redis."""
        self._client: Any = client
        self._breaker = breaker
        self._seconds = seconds
        self._gathered: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, *command: object) -> Any:
        """What Redis answers. Raises Away, RedisError, OSError, TimeoutError."""
        if not self._breaker.may_try():
            raise Away
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._gathered.append((command, told))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        answer = await told
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _send(self) -> None:
        """One batch after the other, as long as there are any."""
        while self._gathered:
            batch = self._take()
            answers = await self._ask([command for command, _ in batch])
            error = next((answer for answer in answers if isinstance(answer, Exception)), None)
            if error is None:
                self._breaker.succeeded()
            else:
                self._breaker.failed(error)
                behind = self._take()
                batch, answers = batch + behind, answers + [Away()] * len(behind)
            for (_, told), answer in zip(batch, answers, strict=True):
                if not told.done():  # who has left is told nothing
                    told.set_result(answer)

    def _take(self) -> list[tuple[Command, asyncio.Future[Any]]]:
        gathered, self._gathered = self._gathered, []
        return gathered

    async def _ask(self, commands: list[Command]) -> list[Any]:
        """Of each command what Redis answers, or why it did not."""
        asking = asyncio.create_task(self._answers(commands))
        for _ in range(STEPS):
            await asyncio.wait([asking], timeout=self._seconds / STEPS)
            if asking.done():
                return asking.result()
        # Its end is not waited for: asyncio's wait_for, which the client uses, may miss that it is cancelled (3.11).
        asking.cancel()
        return [TimeoutError()] * len(commands)

    async def _answers(self, commands: list[Command]) -> list[Any]:
        try:
            # One not in a pipeline: only so a cluster's client notices that a node is gone.
            if len(commands) == 1:
                return [await self._client.execute_command(*commands[0])]
            pipeline = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers = list(await pipeline.execute(raise_on_error=False))
            await leave_behind(self._client, answers)
            return answers
        except ResponseError as error:
            await leave_behind(self._client, [error])
            return [error] * len(commands)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            return [error] * len(commands)
