"""OPTIONS of paths that have several handlers: the framework's own answer names the methods of the first one only."""

from litestar import Response, route
from litestar.handlers import HTTPRouteHandler


def options(path: str, *methods: str) -> HTTPRouteHandler:
    """To be registered before the others of that path."""
    allow = ", ".join(sorted({*methods, "OPTIONS"}))

    @route(path, http_method="OPTIONS", status_code=204, include_in_schema=False)
    async def answer_options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allow})

    return answer_options
