"""Reports, put together from what a process has."""

from datetime import timedelta
from functools import partial
from typing import Final

from openride_analytics import settings as tree
from openride_analytics.clock import Clock
from openride_analytics.reports.delivery import deliver, tell
from openride_analytics.reports.desk import Reports
from openride_analytics.reports.links import Links
from openride_analytics.reports.notices import Notices
from openride_analytics.reports.render import render
from openride_analytics.reports.runner import TICK_SECONDS, Runner
from openride_analytics.reports.work import Deliver, Render, Work
from openride_analytics.store.clickhouse import Budget, ClickHouse
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.report_runs import LEASE_SECONDS, Runs
from openride_analytics.store.reports import Schedules
from openride_analytics.telemetry import Metrics, Traces

# Nobody waits for a report: its questions may take so much longer than those of callers.
PATIENCE: Final = 6


def reports_desk(
    postgres: Postgres, clickhouse: ClickHouse, settings: tree.Settings, clock: Clock, links: Links
) -> Reports:
    """What the API asks; a preview has the budget of a question."""
    questions = clickhouse.within(_budget(settings, 1))
    return Reports(
        Schedules(postgres),
        Runs(postgres),
        settings,
        clock,
        render=partial(render, questions, unsubscribe=None, link=None),
        links=links,
    )


def reports_runner(
    postgres: Postgres,
    clickhouse: ClickHouse,
    settings: tree.Settings,
    metrics: Metrics,
    clock: Clock,
    links: Links,
    *,
    lease_seconds: float = LEASE_SECONDS,
    tick_seconds: float = TICK_SECONDS,
    made_by: Render | None = None,
    sent_by: Deliver | None = None,
    traces: Traces | None = None,
) -> Runner:
    """The actor. `made_by` and `sent_by`: instead of what makes reports, and what mails them."""
    runs = Runs(postgres, lease_seconds=lease_seconds)
    questions = clickhouse.within(_budget(settings, PATIENCE))
    work = Work(
        runs,
        settings,
        clock,
        links,
        made_by or partial(render, questions),
        sent_by or partial(deliver, settings.smtp),
        metrics,
    )
    notices = Notices(runs, settings, clock, partial(tell, settings.smtp), metrics)
    return Runner(
        Schedules(postgres),
        runs,
        work,
        notices,
        metrics,
        clock,
        history=timedelta(days=settings.reports.history_days),
        tick_seconds=tick_seconds,
        traces=traces or Traces(),
    )


def _budget(settings: tree.Settings, patience: float) -> Budget:
    api = settings.api
    return Budget(api.query_timeout_seconds * patience, api.query_max_memory_mb << 20, api.query_max_rows)
