"""The page that finds people."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opensense_okta.publishing.explain.find_person import (
    Found,
    StoredDay,
    current_day,
    find,
    nearest,
    searched_text,
    stored_day,
    stored_days,
)
from opensense_okta.publishing.explain.left_out import scope_in_words
from opensense_okta.publishing.explain.words import WHO_HELP, shown_name
from opensense_okta.storage.lake import Lake
from opensense_okta.web.audit import record_look
from opensense_okta.web.forms import read_form
from opensense_okta.web.pages.rendering import page
from opensense_okta.web.pages.site import (
    PageNotFound,
    Site,
    lake_of,
    organization_of,
    site_of,
    visitor_of,
)

LISTED = 20  # people on the page
LONGEST = 200  # characters of a text that is searched for


@dataclass(frozen=True)
class ShownPerson:
    """A person in the list of those who match.

    Attributes:
        earlier: whether the stored day on which the person matched last is not the searched one.
    """

    found: Found
    name: str
    earlier: bool


async def search(request: Request) -> Response:
    """Leads from the form to the page with the people who match.

    The address of that page has the text encrypted: a text that names a person must not be in logs of
    proxies and in a browser's history.
    """
    fields = await read_form(request)
    text = fields.get("who", "")[:LONGEST]
    sealed = site_of(request).seal.encrypt(text.encode()).decode()
    days = "&days=all" if "all" in fields else ""
    return RedirectResponse(f"people?search={sealed}{days}", 303)


def show(request: Request) -> Response:
    """The form; with the query `search`, also the people who match, with `days=all` of all stored days."""
    site, organization = site_of(request), organization_of(request)
    lake = lake_of(organization)
    day = current_day(lake)
    if day is None:
        raise PageNotFound(
            f"Nobody of {organization.name} is stored yet.", remedy="wait for the first sync."
        )
    sealed = request.query_params.get("search")
    who = None if sealed is None else _opened(request, sealed)
    searched = searched_text(who or "")
    is_wide = request.query_params.get("days") == "all"
    people: Sequence[Found] = ()
    near: Sequence[str] = ()
    if searched:
        people, near = site.read(lambda: _find(site, lake, day, searched, is_wide=is_wide))
    shown = [
        ShownPerson(found, shown_name(found.name), found.day != day.day)
        for found in people[:LISTED]
    ]
    ids = [person.found.person_id for person in shown]
    if shown or near:
        record_look(visitor_of(request), "search", organization.name, day.day, ids)
    return page(
        request,
        "people",
        organization=organization.name,
        day=day,
        who=who,
        searched=searched,
        is_wide=is_wide,
        people=shown,
        count=len(people),
        near=near,
        who_help=WHO_HELP,
        scope_help=scope_in_words(organization),
    )


def _opened(request: Request, sealed: str) -> str:
    """The text of a search's address.

    Raises:
        PageNotFound: the address is of an earlier start of the UI, or it is damaged.
    """
    try:
        return site_of(request).seal.decrypt(sealed).decode()
    except (InvalidToken, ValueError):
        raise PageNotFound(
            "This search is not known any more: its address counts until the UI is started again.",
            remedy="open the page of the organization, and search again.",
        ) from None


def _find(
    site: Site, lake: Lake, day: StoredDay, searched: str, *, is_wide: bool
) -> tuple[list[Found], list[str]]:
    """The people who match; if nobody does, similar texts."""
    if is_wide:
        stored = (stored_day(lake, other) for other in stored_days(lake) if other != day.day)
        people = find(lake, [day, *(other for other in stored if other)], searched)
    else:
        people = site.texts.use(
            lake, day, lambda index: index.find(searched), lambda: find(lake, [day], searched)
        )
    return people, [] if people else nearest(lake, day, searched)
