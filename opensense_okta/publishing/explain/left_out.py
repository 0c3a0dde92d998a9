"""Why a person is not exported, and which rules can be the reason why somebody is in no table."""

from collections.abc import Sequence

from duckdb import ColumnExpression, ConstantExpression

from opensense_okta.config.models import Organization
from opensense_okta.publishing.explain.find_person import StoredDay
from opensense_okta.resolution.people_rules import EVERYONE, find_exported
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake


def rules_leaving_out(
    organization: Organization, lake: Lake, day: StoredDay, person_id: str
) -> tuple[str, ...]:
    """The rules of `publish.people` that leave an active person out of an export of the day."""
    rules = organization.publish.people
    if organization.publish.csv is None or rules == EVERYONE:
        return ()
    with engine.start(lake.scratch) as connection:
        is_person = ColumnExpression("person_id") == ConstantExpression(person_id)
        for table in ("people", "memberships"):
            engine.view(connection, f"all_{table}", day.table(lake, table))
            rows = connection.table(f"all_{table}").filter(is_person)
            rows.create_view(f"new_{table}")
        engine.view(connection, "new_groups", day.table(lake, "groups"))
        find_exported(connection, rules, "new")
        left_out = connection.table("new_left_out").select("rule").distinct().order("rule")
        return tuple(f"publish.people.{rule}" for (rule,) in left_out.fetchall())


def narrowing_rules(organization: Organization) -> list[str]:
    """The keys of `scope`. Nothing of users out of scope is stored, so nothing shows which key it was."""
    return [
        f"directories.{name}.scope.{key}"
        for name, directory in organization.directories.items()
        for key in directory.scope.model_dump(exclude_none=True)
    ]


def not_exported_in_words(rules: Sequence[str]) -> str:
    """That the person is not exported, and by which rules; empty if no rule leaves the person out."""
    return f"not exported: left out by {' and '.join(rules)}" if rules else ""


def scope_in_words(organization: Organization) -> str:
    """That a rule of scope can be the reason why nobody is found; empty if there is none."""
    rules = narrowing_rules(organization)
    if not rules:
        return ""
    return f"Users who are out of scope are not stored. Look at {', '.join(rules)} in the organization file."
