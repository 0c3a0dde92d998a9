"""The page of all organizations: what is published of each, and what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from starlette.requests import Request
from starlette.responses import Response

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration.notifications import current_status
from opensense_okta.orchestration.retries import describe_next_sync, switches
from opensense_okta.orchestration.runs import RunFacts, unfinished_runs
from opensense_okta.publishing.database import publication_row
from opensense_okta.publishing.notifications.state import Incident, file_mistaken, unreadable
from opensense_okta.publishing.publish import published_since
from opensense_okta.publishing.published import Published, missing_database, published
from opensense_okta.resolution.resolve import Source
from opensense_okta.storage.file_errors import reading_refused
from opensense_okta.storage.lake import Lake
from opensense_okta.web.pages.rendering import page
from opensense_okta.web.pages.site import Site, lake_of, site_of


@dataclass(frozen=True)
class PublishedDay:
    """What is published of an organization.

    Attributes:
        since: when it was published first, in the organization's time zone.
        people, active: their numbers; None: not known, because only the database is left.
        older: the directories whose data is older than the day.
    """

    day: date
    since: datetime
    people: int | None
    active: int | None
    older: Mapping[str, Source]
    approved_by: str | None


@dataclass(frozen=True)
class Overview:
    """An organization as the page shows it.

    Attributes:
        name: the organization's.
        has_page: whether its file has ever been valid.
        published: None: nothing is published yet, or it cannot be read; then an incident says so.
        incidents: what is wrong, each with a reason and a remedy.
        running: the runs that are queued or at work, created in the organization's time zone.
        next_sync: what starts the next sync, as the end of a sentence; None: nothing does.
    """

    name: str
    has_page: bool
    published: PublishedDay | None
    incidents: Sequence[Incident]
    next_sync: str | None
    running: Sequence[RunFacts] = ()


def show(request: Request) -> Response:
    """The page of all organizations."""
    site, now = site_of(request), datetime.now(UTC)
    return page(request, "organizations", overviews=list(_overviews(site, now)))


def overview_of(
    site: Site,
    organization: Organization,
    mistakes: OrganizationFileError | None,
    now: datetime,
    switched: Mapping[str, bool],
) -> Overview:
    """What is published of an organization, and what is wrong with it.

    Args:
        site: the state of all pages.
        organization: the organization.
        mistakes: in its file; None: there are none.
        now: the time, with its time zone.
        switched: the schedules that a person switched on or off.
    """
    lake = lake_of(organization)
    status = current_status(site.instance, organization, mistakes, lake, now, watched=True)
    published_day = _published_day(organization, lake)
    lost = _lost_database(organization, lake, published_day, now) if published_day else ()
    return Overview(
        organization.name,
        has_page=True,
        published=published_day,
        incidents=(*lost, *status.troubles),
        running=[
            replace(run, created=run.created.astimezone(organization.zone))
            for runs in unfinished_runs(site.instance, organization).values()
            for run in runs
        ],
        next_sync=describe_next_sync(organization, now, switched),
    )


def _overviews(site: Site, now: datetime) -> Iterator[Overview]:
    organizations = site.organizations()
    switched = switches(site.instance)
    for name in sorted({*organizations.usable, *organizations.mistakes}):
        organization, mistakes = organizations.usable.get(name), organizations.mistakes.get(name)
        if organization is not None:
            yield overview_of(site, organization, mistakes, now, switched)
        elif mistakes is not None:
            incident = file_mistaken(mistakes, now.date(), is_synced=False)
            yield Overview(
                name,
                has_page=False,
                published=None,
                incidents=[incident],
                next_sync=None,
            )


def _published_day(organization: Organization, lake: Lake) -> PublishedDay | None:
    try:
        last = published(lake)
        return None if last is None else _described(organization, lake, last)
    except (OSError, UserError):  # the status has an incident that says so
        return None


def _lost_database(
    organization: Organization, lake: Lake, last: PublishedDay, now: datetime
) -> Sequence[Incident]:
    """That the published database is missing or damaged, although it is known which day it had."""
    try:
        publication_row(lake.database)
        missing = missing_database(lake)
        if missing is None:
            return ()
        return unreadable(organization.today(now), missing).troubles
    except (OSError, UserError) as damaged:
        error = damaged if isinstance(damaged, UserError) else reading_refused(damaged)
    incident = UserError(
        error.message,
        impact=f"Programs cannot read the directory of {last.day}. The tables of the day are stored.",
        remedy=f"run `opensense-okta sync {organization.name}`: it writes the database again.",
    )
    return unreadable(organization.today(now), incident).troubles


def _described(organization: Organization, lake: Lake, last: Published) -> PublishedDay:
    evidence = last.resolved.evidence
    return PublishedDay(
        day=last.day,
        since=published_since(lake, last).astimezone(organization.zone),
        people=evidence.get("people"),
        active=evidence.get("people_active"),
        older={
            name: source
            for name, source in last.resolved.sources.items()
            if source.as_of < last.day or source.stale
        },
        approved_by=last.approved_by,
    )
