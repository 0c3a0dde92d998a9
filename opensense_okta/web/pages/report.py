"""The report of a day, as it is stored."""

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from opensense_okta.storage.lake import report_name
from opensense_okta.web.pages.site import PageNotFound, day_of, lake_of, organization_of

POLICY: Final = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""A report has its style in itself, and nothing else that a browser would run or load."""


def show(request: Request) -> Response:
    """The report of the day in the request's path."""
    organization, day = organization_of(request), day_of(request)
    report = lake_of(organization).store.read(report_name(day))
    if report is None:
        raise PageNotFound(
            f"There is no report of {organization.name} for {day}.",
            remedy="if the day is the published one, materialize the asset `report` for it in Dagster.",
        )
    return HTMLResponse(report.data, headers={"Content-Security-Policy": POLICY})
