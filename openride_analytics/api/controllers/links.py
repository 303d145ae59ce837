"""`/v1/reports/files/...` and `/v1/reports/unsubscribe/...`: where links in mails lead. They are signed, and ask for no
token: whoever has the mail may follow them."""

from html import escape
from typing import Any, Final

from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.operations import documented
from openride_analytics.api.options import options
from openride_analytics.api.parameters import asks_nothing
from openride_analytics.api.responses import problems
from openride_analytics.exports.names import MEDIA_TYPES, content_disposition
from openride_analytics.reports.desk import Reports
from openride_analytics.schema.reports import LinkPath

_PROBLEMS: Final = problems(400, 404, 503)
_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title><h1>{title}</h1><p>{text}</p>{form}'
)
_FORM: Final = '<form method="post"><button>Unsubscribe</button></form>'
_EXAMPLE: Final = "<!doctype html>..."
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Robots-Tag": "noindex",
}


def links(api: Api) -> list[ControllerRouterHandler]:
    """Nothing is told of a link that leads nowhere: it is a 404 like any other."""
    desk = api.resources.reports
    return [
        Router("/v1/reports", route_handlers=[_file(desk), *_leaving(desk)], tags=["reports"], security=[{}])
    ]


def _file(desk: Reports) -> ControllerRouterHandler:
    @get(
        "/files/{link:str}",
        summary="The file of a report",
        operation_class=documented(
            path=LinkPath,
            files=[MEDIA_TYPES["csv"], MEDIA_TYPES["xlsx"]],
            sends={200: ["Content-Disposition"]},
        ),
        responses=_PROBLEMS,
        guards=[asks_nothing],
    )
    async def get_report_file(link: FromPath[str]) -> Response[bytes]:
        """Of a mail whose file was too large to go with it; for REPORT_FILES_RETENTION_DAYS."""
        found = await desk.signed.file(link)
        if found is None:
            raise NotFoundException
        headers = {
            "Content-Disposition": content_disposition(found.name),
            "Cache-Control": "private, no-store",
        }
        return Response(found.content, media_type=found.media_type, headers=headers)

    return get_report_file


def _leaving(desk: Reports) -> list[ControllerRouterHandler]:
    asked: dict[str, Any] = {"responses": _PROBLEMS, "guards": [asks_nothing], "media_type": "text/html"}

    @get(
        "/unsubscribe/{link:str}",
        summary="Ask whether to unsubscribe",
        operation_class=documented(path=LinkPath, example=_EXAMPLE),
        **asked,
    )
    async def ask_unsubscribe(link: FromPath[str]) -> Response[str]:
        """A page with one button: programs that look at the links of mails unsubscribe nobody."""
        name = await desk.signed.report(link)
        if name is None:
            raise NotFoundException
        text = f"No more mails of the report “{escape(name)}”?"
        return _page("Unsubscribe", text, _FORM)

    @post(
        "/unsubscribe/{link:str}",
        status_code=200,
        summary="Unsubscribe",
        operation_class=documented(path=LinkPath, example=_EXAMPLE),
        **asked,
    )
    async def unsubscribe(link: FromPath[str]) -> Response[str]:
        """The button, and what mail programs send that offer it themselves (RFC 8058). Again is harmless."""
        if not await desk.signed.leave(link):
            raise NotFoundException
        return _page("Unsubscribed", "There will be no more mails of this report.")

    return [options("/unsubscribe/{link:str}", "GET", "POST"), ask_unsubscribe, unsubscribe]


def _page(title: str, text: str, form: str = "") -> Response[str]:
    return Response(_PAGE.format(title=title, text=text, form=form), media_type="text/html", headers=_HEADERS)
