"""`/schema`: the description of the API, for people; `/schema/openapi.json`: the same for programs."""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, Router, get
from litestar.enums import OpenAPIMediaType
from litestar.types import ControllerRouterHandler

from openride_analytics.api.document import document
from openride_analytics.api.examples import service as examples
from openride_analytics.api.operations import documented
from openride_analytics.api.page import CONTENT_SECURITY_POLICY, page
from openride_analytics.api.responses import problems

_PROBLEMS = problems(401, 403, 429)


def schema(application: Callable[[], Litestar], *, public: bool) -> list[ControllerRouterHandler]:
    """The routes of /schema; `application` is what they describe, once it is there."""
    security: list[dict[str, list[str]]] | None = [{}] if public else None

    @cache  # written once, in a thread: it takes some hundredths of a second
    def written() -> tuple[bytes, bytes]:
        described = document(application())
        return msgspec.json.encode(described), page(described).encode()

    @get(
        "/",
        summary="This description, for people",
        operation_class=documented(example=examples.PAGE),
        responses=_PROBLEMS,
        media_type=MediaType.HTML,
        security=security,
        sync_to_thread=True,
    )
    def get_page() -> Response[bytes]:
        """One page that needs nothing else: no script, no style and no font from anywhere."""
        return Response(
            written()[1],
            media_type=MediaType.HTML,
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )

    @get(
        "/openapi.json",
        summary="This description, for programs",
        operation_class=documented(example=examples.DOCUMENT),
        responses=_PROBLEMS,
        media_type=OpenAPIMediaType.OPENAPI_JSON,
        security=security,
        sync_to_thread=True,
    )
    def get_document() -> Response[dict[str, Any]]:
        """OpenAPI 3.1."""
        return Response(written()[0], media_type=OpenAPIMediaType.OPENAPI_JSON)  # type: ignore[arg-type]  # encoded

    return [Router("/schema", route_handlers=[get_page, get_document], tags=["service"])]
