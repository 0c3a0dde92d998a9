"""An organization that two code locations have: each starts its scheduled runs."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus

from opensense_okta.directories.checks import CheckResult
from opensense_okta.orchestration import names


def examine_locations(instance: dg.DagsterInstance, organization: str) -> Iterator[CheckResult]:
    """What `doctor` finds of the code locations; nothing where one has the organization.

    Dagster's daemon stores the state of each schedule that it found, and removes it once the location no
    longer has the schedule.
    """
    if instance.schedule_storage is None:  # an instance in memory, which no daemon uses
        return
    schedules = {names.sync_schedule(organization), names.retention_schedule(organization)}
    locations = {
        state.origin.repository_origin.code_location_origin.location_name
        for state in instance.all_instigator_state()
        if state.instigator_name in schedules and state.status is not InstigatorStatus.STOPPED
    }
    if len(locations) > 1:
        yield CheckResult.make(
            "code locations",
            "warning",
            f"the code locations {', '.join(sorted(locations))} have this organization: each starts its"
            " scheduled runs, and the second run of a day waits for the first.",
            "Remove its file from the folder OPENSENSE_ORGANIZATIONS of all but one, and choose *Reload"
            " definitions* in Dagster's UI.",
        )
