"""The job that lets one held day through, and what a run's configuration says of the approval.

The run judges the day again, under the organization's lock, compares the numbers that were seen with
what is so, records the approval, and publishes. What follows publishing, such as exports and the
report, follows in the same run.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
from pydantic import Field

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import metadata, names
from opensense_okta.orchestration.specs import asset_key
from opensense_okta.publishing.approval import (
    NUMBERS,
    CannotBeApproved,
    NumbersMissing,
    StateChanged,
    approval_of,
    approve,
    in_words,
    numbers,
    verify_numbers,
)
from opensense_okta.publishing.judgement import Judgement, judge
from opensense_okta.publishing.publish import resolved_day
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake

NOBODY = "Nobody is named who approves: fill in `by`. The day stays as it was."


class Publishing(dg.Config):
    """What a person may ask of publishing: an older day, or a day that is held."""

    even_if_older: bool = Field(
        default=False, description="Replace a published day that is newer, too."
    )
    by: str | None = Field(
        default=None, description="Who lets the day through although it is held."
    )
    digest: str | None = Field(
        default=None, description="Of the judgement that was shown; the numbers count without it."
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

    @property
    def seen(self) -> dict[str, int]:
        """The numbers that the person has seen."""
        given = {name: getattr(self, name) for name in NUMBERS}
        return {name: number for name, number in given.items() if number is not None}


def approval_config(organization: str, approval: Mapping[str, object]) -> dict[str, object]:
    """Run configuration that approves."""
    return {"ops": {names.publish_op(organization): {"config": dict(approval)}}}


def build_approve(organization: Organization) -> dg.Definitions:
    """Publishes a day that was held: the partition is the day, the configuration says who saw what."""
    published = asset_key(organization.name, "resolved_directory")
    job = dg.define_asset_job(
        names.approve_job(organization.name),
        selection=dg.AssetSelection.assets(published).downstream().materializable(),
        # Without a name it refuses, so that nobody approves by pressing a button.
        config=approval_config(organization.name, {"by": ""}),
        tags={names.ORGANIZATION: organization.name},
        description=f"Lets one held day of {organization.name} through. Choose the day, and fill in `by`,"
        " who approves, and the number of each guard that holds it, such as `removed: 412`:"
        " `approve_with` of resolved_directory has them. It holds for that day as it is now, alone.",
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

    What is published or approved already stays with the name of whoever let it through.

    Raises:
        Failure: the day was not approved; the description says why.
        NotResolved: the day has not been resolved, or a snapshot was replaced since.
    """
    if config.by is None:
        return
    if not config.by.strip():
        raise _refused(context, NOBODY)
    resolved, last = resolved_day(lake, day), published(lake)
    if last is not None and last.id == resolved.id:
        context.log.info(f"{day} is published as it is: it needs nobody's approval any more.")
        return
    judgement = judge(organization, lake, resolved, even_if_older=config.even_if_older)
    if not judgement.held:
        context.log.info(f"{day} is not held: it needs nobody's approval.")
        return
    earlier = approval_of(lake, judgement)
    if earlier is not None:
        context.log.info(f"{day}: {earlier.by} has approved it already, and that stands.")
        return
    try:
        verify_numbers(judgement, config.seen, config.digest)
        approve(lake, judgement, config.by)
    except (CannotBeApproved, NumbersMissing, StateChanged, ValueError) as refused:
        log_held_back(context, lake, judgement)
        raise _refused(context, str(refused)) from refused


def log_held_back(context: dg.AssetExecutionContext, lake: Lake, judgement: Judgement) -> None:
    """Shows beside the published directory that a day is held, and why."""
    context.log_event(
        dg.AssetObservation(
            context.asset_key,
            partition=str(judgement.day),
            metadata={
                **metadata.published_metadata(lake, judgement),
                "approve_with": dg.MetadataValue.text(in_words(numbers(judgement))),
            },
        )
    )


def _refused(context: dg.AssetExecutionContext, words: str) -> dg.Failure:
    context.instance.add_run_tags(context.run.run_id, {names.FAILURE: names.HELD})
    return dg.Failure(words, allow_retries=False)
