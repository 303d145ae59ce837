"""The ASGI application: which resources there are, and what stands around them."""

import asyncio
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp, ControllerRouterHandler

from openride_analytics.api.access import Access
from openride_analytics.api.controllers.analytics import analytics
from openride_analytics.api.controllers.exports import exports
from openride_analytics.api.controllers.health import health
from openride_analytics.api.controllers.metrics import metrics
from openride_analytics.api.controllers.people import people
from openride_analytics.api.controllers.realtime import realtime_routes
from openride_analytics.api.controllers.root import root
from openride_analytics.api.cors import cors
from openride_analytics.api.dependencies import Api
from openride_analytics.api.envelope import MAX_BODY_BYTES, Envelope
from openride_analytics.api.problems import Problem, respond


def create_api(api: Api, stopping: asyncio.Event) -> Litestar:
    """The application itself, without its envelope; answers that have no end of their own end with `stopping`."""
    handlers: list[ControllerRouterHandler] = [*root(api), *health(api)]
    if api.full:
        handlers += [*metrics(api), *analytics(api), *people(api), *realtime_routes(api, stopping)]
        handlers += exports(api)
    return Litestar(
        handlers,
        guards=[Access(api.resources).admit],
        cors_config=cors(api.resources.settings.api),
        debug=False,
        exception_handlers={Exception: _respond},
        logging_config=None,  # logging is set up once, elsewhere
        openapi_config=_openapi(guarded=api.resources.settings.auth.enabled) if api.full else None,
        request_max_body_size=MAX_BODY_BYTES,
    )


def enveloped(application: Litestar, api: Api) -> ASGIApp:
    """What is served."""
    return Envelope(
        application,
        metrics=api.resources.metrics,
        clock=api.resources.clock,
        cors=application.cors_config,
    )


def _respond(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    return respond(request, error)


def _openapi(*, guarded: bool) -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title="OpenRide Analytics",
        version=version("openride-analytics"),
        description="Numbers about rides. Errors are RFC 9457 problem details.",
        components=Components(security_schemes={"bearer": bearer} if guarded else {}),
        security=[{"bearer": []}] if guarded else None,
        render_plugins=[JsonRenderPlugin()],
        openapi_router=_SchemaRouter("/schema", route_handlers=[], include_in_schema=False),
    )


class _SchemaRouter(Router):
    """Leaves out the framework's HTML page for unknown paths: those are answered like all others."""

    def register(self, value: ControllerRouterHandler) -> Any:
        if getattr(value, "paths", None) and any("{path:str}" in path for path in value.paths):  # type: ignore[union-attr]
            return []
        return super().register(value)
