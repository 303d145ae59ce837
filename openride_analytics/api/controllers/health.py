"""`/health*` for orchestrators and people; `/metrics` for Prometheus."""

import msgspec
from litestar import MediaType, Response, get
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.health import Report
from openride_analytics.schema.results import SystemHealth
from openride_analytics.telemetry import CONTENT_TYPE, render


class Alive(msgspec.Struct, frozen=True):
    """That there is an answer is the answer."""

    status: str = "alive"


def health(api: Api) -> list[ControllerRouterHandler]:
    """The routes of health and metrics."""

    @get(
        ["/health", "/health/ready"],
        summary="Can it do its work? 503 if not",
        tags=["service"],
        security=[{}],
    )
    async def ready() -> Response[Report]:
        report = await api.health.report()
        return Response(report, status_code=503 if report.status is SystemHealth.CRITICAL else 200)

    @get(
        "/health/live",
        summary="Does the process turn? Asks nobody else",
        tags=["service"],
        security=[{}],
        sync_to_thread=False,
    )
    def live() -> Alive:
        return Alive()

    @get(
        "/metrics",
        summary="Prometheus",
        tags=["service"],
        security=[{}],
        media_type=MediaType.TEXT,
        sync_to_thread=False,
    )
    def metrics() -> Response[bytes]:
        return Response(
            render(api.resources.metrics.registry),
            headers={"Content-Type": CONTENT_TYPE},  # as a media type it would get a second charset
        )

    return [ready, live, metrics]
