"""The ASGI application: which resources there are, and what stands around them."""

import asyncio
from typing import Any

from litestar import Litestar, Request, Response
from litestar.types import ASGIApp, ControllerRouterHandler

from openride_analytics.api import document
from openride_analytics.api.access import Access
from openride_analytics.api.controllers.analytics import analytics
from openride_analytics.api.controllers.exports import exports
from openride_analytics.api.controllers.health import health
from openride_analytics.api.controllers.links import links
from openride_analytics.api.controllers.metrics import metrics
from openride_analytics.api.controllers.people import people
from openride_analytics.api.controllers.realtime import realtime_routes
from openride_analytics.api.controllers.reports import reports
from openride_analytics.api.controllers.root import root
from openride_analytics.api.controllers.schema import schema
from openride_analytics.api.controllers.workbook import workbook
from openride_analytics.api.cors import cors
from openride_analytics.api.dependencies import Api
from openride_analytics.api.envelope import MAX_BODY_BYTES, Envelope
from openride_analytics.api.problems import Problem, respond


def create_api(api: Api, stopping: asyncio.Event) -> Litestar:
    """The application itself, without its envelope; answers that have no end of their own end with `stopping`."""
    access = Access(api.resources)
    handlers: list[ControllerRouterHandler] = [*root(api), *health(api)]
    if api.full:
        handlers += [*metrics(api), *analytics(api), *people(api), *realtime_routes(api, stopping)]
        handlers += [*exports(api), *workbook(api), *reports(api), *links(api)]
        handlers += schema(lambda: application, public=access.shows_schema)
    application = Litestar(
        handlers,
        guards=[access.admit],
        debug=False,
        exception_handlers={Exception: _respond},
        logging_config=None,  # logging is set up once, elsewhere
        openapi_config=document.config(guarded=api.resources.settings.auth.enabled) if api.full else None,
        request_max_body_size=MAX_BODY_BYTES,
    )
    return application


def enveloped(application: Litestar, api: Api) -> ASGIApp:
    """What is served."""
    return Envelope(
        application,
        metrics=api.resources.metrics,
        traces=api.resources.traces,
        clock=api.resources.clock,
        cors=cors(api.resources.settings.api),
    )


def _respond(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    return respond(request, error)
