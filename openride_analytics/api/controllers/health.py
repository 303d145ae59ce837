"""`/health*` for orchestrators and people; `/metrics` for Prometheus."""

from litestar import MediaType, Response, get
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.examples import service as examples
from openride_analytics.api.health import Alive, Report
from openride_analytics.api.operations import documented
from openride_analytics.api.responses import problems
from openride_analytics.schema.results import SystemHealth
from openride_analytics.telemetry import CONTENT_TYPE, render


def health(api: Api) -> list[ControllerRouterHandler]:
    """The routes of health and metrics."""

    @get(
        ["/health", "/health/ready"],
        summary="Can it do its work?",
        operation_class=documented(example=examples.REPORT),
        responses=problems() | {503: ResponseSpec(Report, description="No: the same, and what is missing.")},
        tags=["service"],
        security=[{}],
    )
    async def ready() -> Response[Report]:
        """Each dependency, actor and partition, its state and how long it took to answer. 503 where ClickHouse is
        away, its schema is not as it should be, or an actor that has to run does not; all else that is missing makes
        it `degraded`, with 200. Dependencies are asked once a second at most.
        """
        report = await api.health.report()
        return Response(report, status_code=503 if report.status is SystemHealth.CRITICAL else 200)

    @get(
        "/health/live",
        summary="Does the process turn?",
        operation_class=documented(example=examples.ALIVE),
        responses=problems(),
        tags=["service"],
        security=[{}],
        sync_to_thread=False,
    )
    def live() -> Alive:
        """That there is an answer is the answer: no dependency is asked."""
        return Alive()

    @get(
        "/metrics",
        summary="What Prometheus scrapes",
        operation_class=documented(example=examples.METRICS),
        responses=problems(),
        tags=["service"],
        security=[{}],
        media_type=MediaType.TEXT,
        sync_to_thread=False,
    )
    def metrics() -> Response[bytes]:
        """Counters, gauges and histograms of this process, in the text format of Prometheus."""
        return Response(
            render(api.resources.metrics.registry),
            headers={"Content-Type": CONTENT_TYPE},  # as a media type it would get a second charset
        )

    return [ready, live, metrics]
