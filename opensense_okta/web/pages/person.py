"""The page of a person: each value, where it comes from, and what changed."""

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from opensense_okta.publishing.explain.explanation import Explanation, PersonMissing, explain
from opensense_okta.publishing.explain.find_person import (
    StoredDay,
    current_day,
    stored_day,
    stored_days,
)
from opensense_okta.publishing.explain.left_out import not_exported_in_words, rules_leaving_out
from opensense_okta.publishing.explain.words import (
    BY_HAND_HELP,
    MATCH_KINDS,
    change_in_words,
    conflict_in_words,
    shown_manager,
    shown_name,
    shown_state,
    shown_values,
)
from opensense_okta.storage.lake import Lake
from opensense_okta.web.audit import record_look
from opensense_okta.web.pages.rendering import page
from opensense_okta.web.pages.site import (
    PageNotFound,
    Site,
    lake_of,
    organization_of,
    parse_day,
    site_of,
    visitor_of,
)


def show(request: Request) -> Response:
    """The page of a person on the published day, or on the day of the query `date`."""
    site, organization = site_of(request), organization_of(request)
    lake, person_id = lake_of(organization), request.path_params["person"]
    given = request.query_params.get("date")
    day = _day(lake, organization.name, parse_day(given) if given else None)
    days = stored_days(lake)
    try:
        explanation = site.read(lambda: _explain(site, lake, day, person_id, is_current=not given))
        left_out_by = site.read(lambda: rules_leaving_out(organization, lake, day, person_id))
    except PersonMissing:
        return page(
            request,
            "person_missing",
            404,
            organization=organization.name,
            person_id=person_id,
            day=day.day,
            days=days,
        )
    visitor = visitor_of(request)
    record_look(visitor, "person", organization.name, day.day, [person_id])
    return page(
        request,
        "person",
        organization=organization.name,
        person=explanation,
        name=shown_name(explanation.name),
        state=shown_state(explanation),
        manager=shown_manager(explanation),
        export=not_exported_in_words(left_out_by),
        values=shown_values(explanation),
        conflicts=[conflict_in_words(conflict) for conflict in explanation.conflicts],
        help=BY_HAND_HELP
        if any(conflict.kind in MATCH_KINDS for conflict in explanation.conflicts)
        else "",
        changes=[
            (change.day, change_in_words(change, person_id)) for change in explanation.changes
        ],
        days=days,
        date=given,
    )


def _explain(
    site: Site, lake: Lake, day: StoredDay, person_id: str, *, is_current: bool
) -> Explanation:
    def read() -> Explanation:
        return explain(lake, day, person_id)

    if not is_current:
        return read()
    return site.rows.use(lake, day, lambda index: index.explain(person_id), read)


def _day(lake: Lake, organization: str, asked: date | None) -> StoredDay:
    day = stored_day(lake, asked) if asked else current_day(lake)
    if day is None:
        raise PageNotFound(
            f"No people of {organization} are stored{f' for {asked}' if asked else ' yet'}.",
            remedy="choose a day from the page of the organization.",
        )
    return day
