"""`GET /`: what this is and where to go."""

from importlib.metadata import version

import msgspec
from litestar import get
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api

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
    "openapi": "/schema/openapi.json",
}


class Service(msgspec.Struct, frozen=True):
    """Who answers. `links` are paths on this host."""

    name: str
    version: str
    links: dict[str, str]


def root(api: Api) -> list[ControllerRouterHandler]:
    """The route of `/`."""
    found = Service(
        api.resources.settings.app.name,
        version("openride-analytics"),
        _ALWAYS | (_FULL if api.full else {}),
    )

    @get("/", summary="Name, version, links", tags=["service"], security=[{}], sync_to_thread=False)
    def service() -> Service:
        return found

    return [service]
