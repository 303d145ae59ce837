"""What an actor is, what it is given, and what is said of it."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Restart(StrEnum):
    """What happens when an actor ends that was not asked to."""

    PERMANENT = "permanent"  # always started again, also after it returned
    TRANSIENT = "transient"  # started again only if it crashed
    TEMPORARY = "temporary"  # never started again


class State(StrEnum):
    """Where a child is in its life."""

    WAITING = "waiting"  # for what it depends on
    STARTING = "starting"  # running, not yet ready, or not ready any more
    RUNNING = "running"  # ready
    BACKOFF = "backoff"  # crashed; waits before it is started again
    STOPPING = "stopping"  # asked to finish, or cancelled
    STOPPED = "stopped"  # ended, as it should
    FAILED = "failed"  # ended, as it should not, and not started again


class Child(Protocol):
    """What an actor is given for one run."""

    def ready(self) -> None:
        """Setup is done: the actors that depend on this one may start."""

    def unready(self) -> None:
        """What it needs is away, and it waits for it: until the next `ready` it is as if it were just starting. Who
        depends on it goes on."""

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the actor is asked to finish; `run` should then return within the grace period."""


class Actor(Protocol):
    """A part of the process with a life of its own.

    `run` acquires what it needs, calls `child.ready()`, works until `child.stopping` is set, and releases
    what it acquired in a `finally`. Returning means done, raising means crashed; `run` is called again for a
    restart, so it keeps nothing between runs. An acquisition that may take long watches `child.stopping` too.
    Cancellation comes when the grace period is over, and may not be refused.
    Raising `errors.Fatal` says that starting again would be wrong: the supervisor stops all and reports it.
    """

    @property
    def name(self) -> str:
        """Unique among its siblings; a metric label, so of a closed set."""

    async def run(self, child: Child) -> None:
        """See above."""


@dataclass(frozen=True)
class Spec:
    """An actor and how it is kept alive.

    `after` names the siblings that must be ready before it starts; it is stopped before them. A start may
    take for ever: it may wait for a server that is away.
    """

    actor: Actor
    restart: Restart = Restart.PERMANENT
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChildStatus:
    """A child at one moment. `since` is when it came into `state`, in epoch seconds."""

    name: str
    state: State
    restarts: int
    last_error: str | None
    since: float
    restart: Restart
