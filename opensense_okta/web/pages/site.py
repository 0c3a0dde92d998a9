"""What every page needs: Dagster's instance, the organizations, and turns for DuckDB's work."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeVar

import dagster as dg
from cryptography.fernet import Fernet
from starlette.requests import Request
from starlette.types import ASGIApp

from opensense_okta.config.environment import data_root, organizations_folder
from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.publishing.explain.explanation import RowIndex, index_rows
from opensense_okta.publishing.explain.find_person import TextIndex, index_texts
from opensense_okta.storage.engine import TableDamaged
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.organization_files import Organizations, read_organizations
from opensense_okta.web.pages.indexes import Indexes
from opensense_okta.web.visitor import Visitor

Result = TypeVar("Result")

TURNS: Final = 3
"""How many requests may work with DuckDB at the same time: each may take `OPENSENSE_MEMORY_LIMIT`."""


class PageNotFound(UserError):
    """There is no page at this address."""


@dataclass(frozen=True)
class Site:
    """The state that all pages share.

    Attributes:
        instance: Dagster's, with the runs.
        dagster: Dagster's web application, which starts jobs.
        turns: limits how many requests work with DuckDB at the same time.
        rows, texts: the indexes of the current days, for a look at a person and for a search.
        seal: encrypts what must not be read in an address. Its key is of this start.
    """

    instance: dg.DagsterInstance
    dagster: ASGIApp
    turns: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(TURNS)
    )
    rows: Indexes[RowIndex] = field(default_factory=lambda: Indexes(index_rows))
    texts: Indexes[TextIndex] = field(default_factory=lambda: Indexes(index_texts))
    seal: Fernet = field(default_factory=lambda: Fernet(Fernet.generate_key()), repr=False)

    def read(self, work: Callable[[], Result]) -> Result:
        """Works with DuckDB when it is this request's turn.

        A table may be missing because a sync has just replaced its day: the work is done once more.
        """
        with self.turns:
            try:
                return work()
            except TableDamaged:
                return work()

    def organizations(self) -> Organizations:
        """The organizations as the definitions have them: the last valid version of a file counts.

        Raises:
            EnvironmentMistake: the folder of organization files is missing.
        """
        return read_organizations(organizations_folder(), data_root())


def site_of(request: Request) -> Site:
    """The state that all pages share."""
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - set by `build_pages`
    return site


def visitor_of(request: Request) -> Visitor:
    """Who asks for the page. Where nobody has been asked to sign in, nothing can be changed."""
    visitor = request.scope.get("user")
    return visitor if isinstance(visitor, Visitor) else Visitor(name=None, read_only=True)


def organization_of(request: Request) -> Organization:
    """The organization in a request's path; see `organization_named`."""
    return organization_named(site_of(request).organizations(), request)


def organization_named(organizations: Organizations, request: Request) -> Organization:
    """The organization that a request's path names.

    Raises:
        PageNotFound: there is none, or its file has mistakes and has never been valid.
    """
    name = request.path_params["organization"]
    if name in organizations.usable:
        return organizations.usable[name]
    if name in organizations.mistakes:
        mistakes = organizations.mistakes[name]
        raise PageNotFound(
            str(mistakes),
            impact="Nothing is synced until the file is corrected.",
            remedy=f"correct {mistakes.path.name}.",
        )
    raise PageNotFound(
        f"There is no organization “{name}”.",
        remedy="choose one from the page of all organizations.",
    )


def lake_of(organization: Organization) -> Lake:
    """The lake in which the organization's data is stored; it may be missing."""
    return Lake(data_root(), organization.name)


def day_of(request: Request) -> date:
    """The day in a request's path.

    Raises:
        PageNotFound: it is no day.
    """
    return parse_day(request.path_params["day"])


def parse_day(given: str) -> date:
    """A day of an address.

    Raises:
        PageNotFound: it is no day.
    """
    # `fromisoformat` also takes 20261123 and 2026-W48-1.
    with suppress(ValueError):
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
            return date.fromisoformat(given)
    raise PageNotFound(
        f"“{given}” is no day.", remedy="write the day as 2026-11-23 in the address."
    )
