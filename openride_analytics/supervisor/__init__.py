"""Actors kept alive: started in the order of their dependencies, restarted after a crash, stopped in reverse.

`actor` says what an actor is; `restarts` how soon and how often one is started again; `life` follows one
of them from its start to its end; `tree` holds them all; `work` is what many actors do.
"""

from openride_analytics.supervisor.actor import Actor, Child, ChildStatus, Restart, Spec, State
from openride_analytics.supervisor.restarts import Backoff, Escalated, Limit
from openride_analytics.supervisor.tree import Supervisor
from openride_analytics.supervisor.work import Stopped, unless, until_stopping

__all__ = [
    "Actor",
    "Backoff",
    "Child",
    "ChildStatus",
    "Escalated",
    "Limit",
    "Restart",
    "Spec",
    "State",
    "Stopped",
    "Supervisor",
    "unless",
    "until_stopping",
]
