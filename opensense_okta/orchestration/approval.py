"""The job that approves one day that is held back, and the configuration of such a run.

The run judges the day again under the organization's lock, compares the numbers that were seen with the
current ones, records the approval, and publishes. Exports and the report follow in the same run.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
from pydantic import Field

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets import metadata
from opensense_okta.orchestration.assets.specs import asset_key
from opensense_okta.orchestration.failures import tag_failure
from opensense_okta.publishing.approval import (
    NUMBERS,
    NotApproved,
    Outcome,
    approve_day,
    review_day,
)
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import Publication
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake


class Publishing(dg.Config):
    """The options of publishing: an older day, or a day that is held back."""

    even_if_older: bool = Field(
        default=False, description="Publish the day although a newer one is published."
    )
    by: str | None = Field(default=None, description="Who approves the day: your name.")
    digest: str | None = Field(
        default=None,
        description="The digest of the judgement that was shown; without it the numbers are compared.",
    )
    removed: int | None = Field(default=None, description=NUMBERS["removed"])
    removed_memberships: int | None = Field(
        default=None, description=NUMBERS["removed_memberships"]
    )
    blanked: int | None = Field(default=None, description=NUMBERS["blanked"])
    rewritten: int | None = Field(default=None, description=NUMBERS["rewritten"])
    missing: int | None = Field(default=None, description=NUMBERS["missing"])
    correlation: int | None = Field(default=None, description=NUMBERS["correlation"])
    unproven: int | None = Field(default=None, description=NUMBERS["unproven"])
    uncompared: int | None = Field(default=None, description=NUMBERS["uncompared"])

    @property
    def seen(self) -> dict[str, int]:
        """The numbers that the person has seen."""
        given = {name: getattr(self, name) for name in NUMBERS}
        return {name: number for name, number in given.items() if number is not None}


def approval_config(organization: str, approval: Mapping[str, object]) -> dict[str, object]:
    """The run configuration of an approval."""
    return {"ops": {names.publish_op(organization): {"config": dict(approval)}}}


def build_approve(organization: Organization) -> dg.Definitions:
    """Publishes a day that is held back; the configuration has the approver and the numbers seen."""
    published = asset_key(organization.name, "resolved_directory")
    job = dg.define_asset_job(
        names.approve_job(organization.name),
        selection=dg.AssetSelection.assets(published).downstream().materializable(),
        # Without a name the job fails, so that a click in the UI alone does not approve a day.
        config=approval_config(organization.name, {"by": ""}),
        tags={names.ORGANIZATION: organization.name},
        description=f"Approves one day of {organization.name} that is held back, and publishes it. Choose"
        " *Open launchpad* (the arrow beside *Materialize*), select the day, and paste the configuration that"
        " `approve_with` of resolved_directory shows, with your name. The approval counts only for the day as"
        " it is now. Examples of the people concerned are shown by `opensense-okta approve` only.",
    )
    return dg.Definitions(jobs=[job])


def record_approval(
    context: dg.AssetExecutionContext,
    organization: Organization,
    lake: Lake,
    day: date,
    config: Publishing,
) -> None:
    """Records the approval that the run's configuration gives, if it gives one and the day needs it.

    Raises:
        Failure: the day was not approved; the description says why.
        NotResolved: the day has not been resolved, or a snapshot was replaced since.
    """
    if config.by is None:
        return
    try:
        outcome = approve_day(
            organization,
            lake,
            day,
            by=config.by,
            numbers_seen=config.seen,
            digest_seen=config.digest,
            even_if_older=config.even_if_older,
        )
    except NotApproved as refused:
        review = review_day(organization, lake, day, even_if_older=config.even_if_older)
        block = {}
        if review.state == "needs_approval" and review.judgement is not None:
            block = {"approve_with": metadata.approval_block(lake.organization, review.judgement)}
            if config.by.strip():
                log_held_back(context, lake, review.judgement)
        tag_failure(context.instance, context.run.run_id, organization.name, names.HELD)
        raise dg.Failure(str(refused), block, allow_retries=False) from refused
    context.log.info(_describe(day, outcome))


def _describe(day: date, outcome: Outcome) -> str:
    by = outcome.approval.by if outcome.approval else "nobody"
    return {
        "published": f"{day} is published as it is: it needs no approval any more.",
        "not_held": f"{day} is not held back: it needs no approval.",
        "approved_before": f"{day}: {by} has approved it already; that approval is kept.",
    }.get(outcome.state, f"{day}: approved by {by}.")


def log_held_back(context: dg.AssetExecutionContext, lake: Lake, judgement: Judgement) -> None:
    """Records on the published directory's page that a day is held back, and why."""
    context.log_event(
        dg.AssetObservation(
            context.asset_key,
            partition=str(judgement.day),
            metadata=metadata.published_metadata(lake, judgement.day, judgement),
        )
    )


def log_not_published(
    context: dg.AssetExecutionContext, lake: Lake, publication: Publication
) -> None:
    """Records on the published directory's page that the day was not published, and why.

    It is no materialization: in Dagster's UI, green means published.
    """
    words = str(publication.not_published)
    context.log.info(words)
    context.log_event(
        dg.AssetObservation(
            context.asset_key,
            partition=str(publication.day),
            description=words,
            metadata={"outcome": words, **metadata.published_metadata(lake, publication.day)},
        )
    )


def is_published(context: dg.AssetExecutionContext, lake: Lake, day: date) -> bool:
    """Whether the day is the published one; if not, the asset's page says that nothing was written."""
    current = published(lake)
    if current is not None and current.day == day:
        return True
    stays = f"that of {current.day} is" if current else "nothing is"
    words = f"Nothing was written: the directory of {day} is not published, {stays}."
    context.log.info(words)
    context.log_event(
        dg.AssetObservation(
            context.asset_key, partition=str(day), description=words, metadata={"outcome": words}
        )
    )
    return False
