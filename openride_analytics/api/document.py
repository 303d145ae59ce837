"""The description of the whole API as one OpenAPI document.

The framework finds the routes and what they answer; each operation completes itself (see `operations`). The schemas
of answers are msgspec's own: the framework's leave out descriptions, formats and bounds that are 0.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar import Litestar, Router
from litestar.enums import HttpMethod
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler, Method

from openride_analytics.api.headers import SENT

_ABOUT: Final = """\
Numbers about rides, from events as they come.

Every answer over a range says which local days it covers, in which time zone, and when it was computed. Rates are \
percentages with 2 decimals, null where there is nothing to divide by; money is a decimal string, but a number where \
it is to be drawn (analytics). A range without parameters is the last 30 days, or the longest there may be.

Errors are problem details (RFC 9457). Beside those that are listed with each operation: 404 where there is nothing \
at a path, 405 with Allow for a method that there is not, 413 for a body of more than a mebibyte. HEAD is GET without \
a body. Parameters that an operation does not have are refused, with 400.
"""


def config(*, guarded: bool) -> OpenAPIConfig:
    """What the framework is told. `guarded`: callers need tokens."""
    bearer = SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="JWT",
        description="An access token; its role is viewer at least.",
    )
    return OpenAPIConfig(
        title="OpenRide Analytics",
        version=version("openride-analytics"),
        description=_ABOUT,
        components=Components(security_schemes={"bearer": bearer} if guarded else {}),
        security=[{"bearer": []}] if guarded else None,
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        openapi_router=_Nothing("/schema", route_handlers=[], include_in_schema=False),
    )


def document(application: Litestar) -> dict[str, Any]:
    """OpenAPI 3.1, as JSON values."""
    described = application.openapi_schema.to_schema()
    _, exact = msgspec.json.schema_components(
        set(_structs(application)), ref_template="#/components/schemas/{name}"
    )
    components = described["components"]
    components["schemas"] |= exact
    components["headers"] = SENT
    return described


def _structs(application: Litestar) -> Iterator[type[msgspec.Struct]]:
    """What is sent and taken."""
    for route in application.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            signature = handler.parsed_fn_signature
            inner = [signature.return_type, *signature.return_type.inner_types]
            others = [spec.data_container for spec in (handler.responses or {}).values()]
            others.append(getattr(handler.operation_class, "taken", None))
            for annotation in (*(part.annotation for part in inner), *others):
                if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
                    yield annotation


def _operation_id(_: object, method: Method, path: list[Any]) -> str:
    """As in get_metrics_bookings: what the path is made of, but for the version."""
    parts = [part if isinstance(part, str) else part.name for part in path] or ["root"]
    name = "_".join([HttpMethod(method).value.lower(), *(part for part in parts if part != "v1")])
    return name.replace("-", "_").replace(".", "_")


class _Nothing(Router):
    """Instead of the framework's own pages, which load scripts from elsewhere: ours are in `controllers.schema`."""

    def register(self, value: ControllerRouterHandler) -> Any:  # noqa: ARG002  # whatever it is
        return []
