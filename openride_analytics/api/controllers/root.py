"""`GET /`: what this is and where to go."""

from importlib.metadata import version

from litestar import get
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.examples.service import SERVICE
from openride_analytics.api.operations import documented
from openride_analytics.api.responses import problems
from openride_analytics.api.service import Service

_ALWAYS = {
    "health": "/health",
    "live": "/health/live",
    "ready": "/health/ready",
    "prometheus": "/metrics",
}
_METRICS = ("users", "bookings", "payments", "trips", "drivers", "routes", "realtime")
_ANALYTICS = ("funnel", "cohort", "retention", "geographic", "trends")
_FULL = {
    **{name: f"/v1/metrics/{name}" for name in _METRICS},
    **{name: f"/v1/analytics/{name}" for name in _ANALYTICS},
    "exports": "/v1/exports",
    "workbook": "/v1/exports/metrics/excel",
    "docs": "/schema",
    "openapi": "/schema/openapi.json",
}
_REPORTS = {"reports": "/v1/reports/schedule"}


def root(api: Api) -> list[ControllerRouterHandler]:
    """The route of `/`."""
    found = Service(
        api.resources.settings.app.name,
        version("openride-analytics"),
        _ALWAYS
        | (_FULL if api.full else {})
        | (_REPORTS if api.full and api.resources.reports.configured else {}),
    )

    @get(
        "/",
        summary="What this is, and where to go",
        operation_class=documented(example=SERVICE),
        responses=problems(),
        tags=["service"],
        security=[{}],
        sync_to_thread=False,
    )
    def service() -> Service:
        """Name, version, and the paths of what can be asked."""
        return found

    return [service]
