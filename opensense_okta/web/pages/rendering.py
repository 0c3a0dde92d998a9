"""How a page is made: the templates, and the headers of every answer.

A template escapes every value, and shows a replacement for each character that would move other text.
"""

import time
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opensense_okta.config.text import as_words, plural, printable

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
PRIVATE = "no-store"
"""The header `Cache-Control`: the pages have personal data."""


def page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page made from a template, which also knows the visitor.

    Args:
        request: that it answers.
        template: its file in `templates`, without `.html`.
        status: of the answer.
        values: the template's variables.
    """
    found = _environment().get_template(f"{template}.html")
    known = {
        "home": f"{request.scope.get('root_path', '')}/",
        "visitor": request.scope.get("user"),
    }
    return HTMLResponse(found.render({**known, **values}), status)


class Headers:
    """An ASGI application that adds the headers of every page, and how long the answer took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and adds the headers to the answer."""
        begun = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers.setdefault("Cache-Control", PRIVATE)
                milliseconds = 1000 * (time.perf_counter() - begun)
                headers["Server-Timing"] = f"page;dur={milliseconds:.1f}"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def isolated(value: object) -> Markup:
    """A value whose direction of writing does not change the text around it."""
    return Markup("<bdi>{}</bdi>").format(printable(str(value)))


def isolated_message(value: object) -> Markup:
    """A message, isolated as other values; what it has between backticks is code."""
    parts = printable(str(value)).split("`")
    marked = (
        Markup("<code>{}</code>").format(part) if position % 2 else Markup.escape(part)
        for position, part in enumerate(parts)
    )
    return Markup("<bdi>{}</bdi>").format(Markup("").join(marked))


def visible(value: object) -> object:
    """What a template writes of a value; `bool` in the words of the commands."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return printable(str(value))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=visible,
    )
    environment.filters.update(
        bdi=isolated, message=isolated_message, number="{:,}".format, words=as_words
    )
    environment.globals.update(plural=plural)
    return environment


def _source(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
