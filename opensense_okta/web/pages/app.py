"""The application below `/directory/`: one table with the address of every page."""

import logging
import traceback
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from opensense_okta.config.errors import UserError
from opensense_okta.storage.file_errors import reading_refused, storage_refusal
from opensense_okta.web.pages import held_day, organization, organizations, people, person, report
from opensense_okta.web.pages.rendering import Headers, page
from opensense_okta.web.pages.site import PageNotFound, Site

_log = logging.getLogger(__name__)


def build_pages(site: Site) -> ASGIApp:
    """The application, for a mount at `/directory`.

    Handlers are plain functions: Starlette runs them in threads, so that no request waits for another's
    files.
    """
    app = Starlette(
        routes=[
            Route("/", organizations.show),
            Route("/style.css", _style),
            Route("/{organization}", organization.redirect),
            Route("/{organization}/", organization.show),
            Route("/{organization}/people", people.show, methods=["GET"]),
            Route("/{organization}/people", people.search, methods=["POST"]),
            Route("/{organization}/people/{person}", person.show),
            Route("/{organization}/reports/{day}", report.show),
            Route("/{organization}/days/{day}", held_day.show, methods=["GET"]),
            Route("/{organization}/days/{day}", held_day.approve, methods=["POST"]),
        ],
        exception_handlers={
            HTTPException: _no_page,
            UserError: _user_error,
            OSError: _storage_error,
            Exception: _unexpected_error,
        },
    )
    app.router.redirect_slashes = False  # its addresses are absolute, and wrong behind a proxy
    app.state.site = site
    return Headers(_Quiet(app))


def to_pages(_request: Request) -> Response:
    """Leads from `/directory` to the page of all organizations."""
    return RedirectResponse("/directory/")


def _style(_request: Request) -> Response:
    text = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    if error.status_code == 404:
        remedy = "begin with the page of all organizations."
        return _error_page(request, PageNotFound("There is no such page.", remedy=remedy), 404)
    return _error_page(request, UserError(error.detail), error.status_code)


def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)  # noqa: S101 - registered for these
    status = 503 if error.transient else 500
    return _error_page(request, error, 404 if isinstance(error, PageNotFound) else status)


def _storage_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # noqa: S101 - registered for these
    return _user_error(request, reading_refused(error))


def _unexpected_error(request: Request, error: Exception) -> Response:
    refused = storage_refusal(error)
    if refused is not None:  # DuckDB's or SQLite's
        return _user_error(request, refused)
    unexpected = UserError(
        "The page could not be made, because of an unexpected error.",
        impact="What is published stays as it is.",
        remedy="open the page again. If that does not help, report the lines that the program logged.",
    )
    return _error_page(request, unexpected, 500)


def _error_page(request: Request, error: UserError, status: int) -> Response:
    return page(request, "error", status, error=error)


class _Quiet:
    """Logs where an unexpected error happened, without its message: it may have personal data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the visitor has got a page that says so
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("A page could not be made: %s at\n%s", type(error).__name__, where)
