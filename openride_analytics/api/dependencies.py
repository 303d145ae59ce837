"""What the API is given by whoever starts it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from openride_analytics.clock import Clock
from openride_analytics.exports.desk import Desk
from openride_analytics.reports.desk import Reports
from openride_analytics.settings import Settings
from openride_analytics.store.answers import Answers
from openride_analytics.store.clickhouse import Budget, ClickHouse
from openride_analytics.store.limits import RateLimits
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.probes import Pings
from openride_analytics.telemetry import Metrics, Traces

if TYPE_CHECKING:
    from openride_analytics.api.health import Health


class Resources(Protocol):
    """What the actors of a process share; open as long as the server runs."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clickhouse(self) -> ClickHouse: ...

    @property
    def postgres(self) -> Postgres: ...

    @property
    def redis(self) -> Pings: ...

    @property
    def answers(self) -> Answers: ...

    @property
    def limits(self) -> RateLimits: ...

    @property
    def exports(self) -> Desk: ...

    @property
    def reports(self) -> Reports: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def traces(self) -> Traces: ...

    @property
    def clock(self) -> Clock: ...


class PartitionStatus(Protocol):
    """What readiness tells about one topic-partition that this process owns."""

    @property
    def tp(self) -> Any:
        """Has `.topic` and `.partition`."""

    @property
    def state(self) -> str: ...

    @property
    def problem(self) -> str | None: ...


def questions(given: Resources) -> ClickHouse:
    """ClickHouse, for what callers ask: each question has the budget of the QUERY_* settings."""
    api = given.settings.api
    return given.clickhouse.within(
        Budget(api.query_timeout_seconds, api.query_max_memory_mb << 20, api.query_max_rows)
    )


@dataclass(frozen=True)
class Api:
    """`full`: the whole API; else only what a process without one needs: `/`, `/health*`, `/metrics`."""

    resources: Resources
    health: "Health"
    full: bool = True
