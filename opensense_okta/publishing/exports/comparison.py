"""With which export the people of a day's export are compared, before anything is replaced."""

from datetime import date

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.config.models import ExportedPeople, Organization
from opensense_okta.publishing.exports.state import DeliveredExport, last_export
from opensense_okta.publishing.published import ComparisonTargets, published
from opensense_okta.resolution.people_rules import EVERYONE, PEOPLE, find_exported, people_file
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake


class ExportComparison(BaseModel):
    """The rules of a day's export, and the export that it is compared with.

    Attributes:
        rules: who is exported now.
        rules_before: who was exported, if that is known.
        delivered: the last delivered export; None: the published people under `rules_before`, or else
            `rules`.
        day: of that export.
    """

    model_config = ConfigDict(frozen=True)

    rules: ExportedPeople
    rules_before: ExportedPeople | None
    delivered: DeliveredExport | None
    day: date

    @property
    def rules_changed(self) -> bool:
        """Whether other people were to be exported then."""
        before = self.delivered.people_file if self.delivered else None
        if before is None and self.rules_before is not None:
            before = people_file(self.rules_before)
        return before not in (None, people_file(self.rules))


def export_comparison(
    organization: Organization, lake: Lake, place: ComparisonTargets
) -> ExportComparison | None:
    """What the people of the export are compared with; None: nothing, or the guard of all people does it.

    If it is not known which export was delivered last, the published people are compared. So they are if
    a person approved them under the same rules and their export was not delivered.

    Args:
        organization: its rules count.
        lake: of the organization.
        place: what the day replaces.
    """
    if organization.publish.csv is None or place.newer is not None:
        return None
    rules, replaces = organization.publish.people, place.replaces
    last, now = last_export(lake), published(lake)
    delivered = last.delivered if last and last.delivered.people(lake).exists() else None
    if now is not None and (replaces is None or now.id != replaces.id):
        now = None
    approved = now is not None and now.approved_by is not None and now.exported in (None, rules)
    pending = delivered is None or now is None or delivered.id != now.id
    everyone = rules == EVERYONE and (delivered is None or delivered.people_file == PEOPLE)
    if everyone and (delivered is None or approved or not pending):
        return None
    rules_before = now.exported if now else None
    if delivered is not None and not (approved and pending and rules_before is not None):
        return ExportComparison(
            rules=rules, rules_before=rules_before, delivered=delivered, day=delivered.day
        )
    if replaces is None:
        return None
    return ExportComparison(
        rules=rules, rules_before=rules_before, delivered=None, day=replaces.day
    )


def compare_exports(
    connection: duckdb.DuckDBPyConnection, lake: Lake, comparison: ExportComparison
) -> None:
    """Makes the tables of `find_exported` of the day (`new_…`) and of the published one (`old_…`).

    The view `export_before` has the people of the export that the day is compared with.
    """
    if comparison.delivered is not None:
        find_exported(connection, comparison.rules, "old")
        engine.view(connection, "delivered_people", comparison.delivered.people(lake))
        before = connection.table("delivered_people").filter("active")
    else:
        find_exported(connection, comparison.rules_before or comparison.rules, "old")
        before = connection.table("old_exported")
    before.create_view("export_before", replace=True)
    find_exported(connection, comparison.rules, "new")
