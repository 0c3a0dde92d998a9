"""The page of one organization: its state, its days, and its rules in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opensense_okta.config.text import as_words
from opensense_okta.orchestration import names
from opensense_okta.orchestration.retries import switches
from opensense_okta.orchestration.runs import RunFacts, newest_runs
from opensense_okta.publishing.days import DayState, days_of, states_of
from opensense_okta.web.pages.organizations import overview_of
from opensense_okta.web.pages.rendering import page
from opensense_okta.web.pages.rules import guards_in_words, people_in_words, values_in_words
from opensense_okta.web.pages.site import (
    lake_of,
    organization_named,
    organization_of,
    parse_day,
    site_of,
)

DAYS = 30  # on one page
RUNS = 10 * DAYS  # of which those of the shown days are shown


ENDED = {"SUCCESS": "succeeded", "FAILURE": "failed", "STARTED": "running"}


@dataclass(frozen=True)
class ShownRun:
    """A run of a day, with its job and how it ended."""

    id: str
    job: str
    ended: str


@dataclass(frozen=True)
class ShownDay:
    """A day with its runs, newest first; `state` is None if nothing of it is stored."""

    day: date
    state: DayState | None
    runs: Sequence[ShownRun]


def redirect(request: Request) -> Response:
    """Leads from `/directory/acme` to `/directory/acme/`."""
    name = organization_of(request).name
    return RedirectResponse(f"{name}/")


def show(request: Request) -> Response:
    """The page of an organization; the query `before` asks for older days."""
    site, now = site_of(request), datetime.now(UTC)
    organizations = site.organizations()
    organization = organization_named(organizations, request)
    mistakes = organizations.mistakes.get(organization.name)
    overview = overview_of(site, organization, mistakes, now, switches(site.instance))
    given = request.query_params.get("before")
    before = parse_day(given) if given is not None else date.max
    lake = lake_of(organization)
    runs = newest_runs(site.instance, organization, RUNS)
    stored = days_of(lake)
    days = sorted((day for day in {*stored, *runs} if day < before), reverse=True)
    states = {
        state.day: state for state in states_of(lake, [*filter(stored.__contains__, days[:DAYS])])
    }
    return page(
        request,
        "organization",
        organization=organization,
        overview=overview,
        days=[ShownDay(day, states.get(day), _runs(runs.get(day, ()))) for day in days[:DAYS]],
        older_than=days[DAYS - 1] if len(days) > DAYS else None,
        is_newest=given is None,
        people=people_in_words(organization),
        values=values_in_words(organization),
        guards=guards_in_words(organization.guards),
    )


def _runs(runs: Sequence[RunFacts]) -> list[ShownRun]:
    return [ShownRun(run.run_id, _job(run.job), _ended(run)) for run in runs]


def _job(job: str) -> str:
    return "assets" if job == names.ASSET_JOB else job.rpartition("__")[2]


def _ended(run: RunFacts) -> str:
    if run.held:
        return "held back"
    return ENDED.get(run.status.value, as_words(run.status.value.lower()))
