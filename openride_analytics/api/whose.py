"""In whose name something is asked that belongs to whoever made it."""

from typing import Any

from litestar import Request

from openride_analytics.access import Caller, Role


def whose(request: Request[Caller, Any, Any]) -> str | None:
    """The caller's subject; None, which is everybody's, for an admin."""
    return None if request.user.role >= Role.ADMIN else request.user.subject
