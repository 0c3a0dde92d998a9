"""The page of a day: why it is held back, with examples, and the form that approves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.approval import approval_config
from opensense_okta.publishing.approval import (
    NUMBERS,
    NotApproved,
    numbers,
    require_approvable,
    verify_numbers,
)
from opensense_okta.publishing.days import (
    DayState,
    Examples,
    days_of,
    examples_of,
    states_of,
    telling,
)
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import approval_instructions
from opensense_okta.publishing.published import describe
from opensense_okta.resolution.changes import Difference
from opensense_okta.storage.lake import Lake
from opensense_okta.web.audit import record_look
from opensense_okta.web.forms import own_form
from opensense_okta.web.pages.launch import launch
from opensense_okta.web.pages.rendering import page
from opensense_okta.web.pages.site import (
    PageNotFound,
    day_of,
    lake_of,
    organization_of,
    site_of,
    visitor_of,
)

EXAMPLES = 20  # on the page
REMEMBERED = 16  # held days: to compare 100,000 people takes a second


@dataclass(frozen=True)
class HeldDay:
    """Why a day is held back, as a person must see it before approving it.

    Attributes:
        compared_with: what it would replace, in words.
        difference: from that.
        numbers: the number of each guard that holds it back, by the names of `approval.NUMBERS`.
        refused: why nobody can approve it; empty: a person can.
        instructions: how a person approves it by hand.
    """

    judgement: Judgement
    compared_with: str
    difference: Difference
    examples: Sequence[Examples]
    numbers: Mapping[str, int]
    refused: str
    instructions: str


def show(request: Request) -> Response:
    """The page of a day."""
    return _page(request)


async def approve(request: Request) -> Response:
    """Starts the job that approves the day, with the numbers that the form has shown."""
    if not _may_approve(request):
        raise HTTPException(403, "Only a named user can approve a day, where changes are allowed.")
    fields = await own_form(request)
    digest = fields.pop("digest", "")
    try:
        seen = {name: int(number) for name, number in fields.items()}
    except ValueError:
        raise HTTPException(400, "The numbers of the form are no numbers.") from None
    organization, day = await run_in_threadpool(lambda: (organization_of(request), day_of(request)))
    try:
        await run_in_threadpool(_verify, lake_of(organization), day, seen, digest)
    except NotApproved as error:
        return await run_in_threadpool(_page, request, 409, error)
    approval = {"by": visitor_of(request).name, "digest": digest, **seen}
    run_id = await launch(
        site_of(request).dagster,
        names.approve_job(organization.name),
        day,
        approval_config(organization.name, approval),
    )
    return RedirectResponse(f"/runs/{run_id}", 303)


def _may_approve(request: Request) -> bool:
    """Whether the visitor is a named user, so that it is recorded who approves, and may change anything."""
    visitor = visitor_of(request)
    return visitor.name is not None and not visitor.read_only


def _page(request: Request, status: int = 200, refused: NotApproved | None = None) -> Response:
    """The page of a day; `refused` says why its form was refused."""
    organization, day = organization_of(request), day_of(request)
    lake = lake_of(organization)
    if day not in days_of(lake):
        raise PageNotFound(
            f"Nothing of {organization.name} is stored for {day}.",
            remedy="choose a day from the page of the organization.",
        )
    state, held = site_of(request).read(lambda: _read(organization, lake, day))
    if held:
        record_look(visitor_of(request), "day", organization.name, day)
    return page(
        request,
        "day",
        status,
        organization=organization.name,
        state=state,
        held=held,
        meanings=NUMBERS,
        may_approve=_may_approve(request),
        refused=refused,
    )


def _read(organization: Organization, lake: Lake, day: date) -> tuple[DayState, HeldDay | None]:
    (state,) = states_of(lake, [day])
    judgement = state.held
    if judgement is None:
        return state, None
    ids = (str(lake.root), lake.organization, day, judgement.resolved, judgement.digest)
    difference, found = _compared(_Comparison(ids, lake, judgement))
    replaces = judgement.replaces
    return state, HeldDay(
        judgement,
        describe(replaces, day) if replaces else "nothing: nothing is published",
        difference,
        found,
        numbers(judgement),
        _refused(judgement),
        approval_instructions(organization.name, judgement),
    )


@dataclass(frozen=True)
class _Comparison:
    """A judged day and what it would replace; `ids` identify both, so that the result never changes."""

    ids: tuple[object, ...]
    lake: Lake = field(compare=False)
    judgement: Judgement = field(compare=False)


@lru_cache(maxsize=REMEMBERED)
def _compared(of: _Comparison) -> tuple[Difference, Sequence[Examples]]:
    verdicts = telling(of.judgement.tripped)[:EXAMPLES]
    share = max(EXAMPLES // max(len(verdicts), 1), 1)
    return examples_of(of.lake, of.judgement, verdicts, share)


def _refused(judgement: Judgement) -> str:
    try:
        require_approvable(judgement)
    except NotApproved as error:
        return str(error)
    return ""


def _verify(lake: Lake, day: date, seen: Mapping[str, int], digest: str) -> None:
    """Compares what was seen with what is so now; the job does so again, under the lock.

    Raises:
        NotApproved: something else is so now, or the day needs no approval any more.
    """
    (state,) = states_of(lake, [day])
    if state.held is None:
        raise NotApproved(f"{day} is not held back any more: it needs nobody's approval.")
    verify_numbers(state.held, seen, digest)
