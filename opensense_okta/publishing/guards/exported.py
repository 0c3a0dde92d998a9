"""The guard `removed` for the export: how many people of the last export are not in the new one."""

from collections.abc import Sequence
from datetime import date

import duckdb

from opensense_okta.config.models import Guards, Organization
from opensense_okta.config.text import some_of
from opensense_okta.publishing.exports.comparison import (
    ExportComparison,
    compare_exports,
    export_comparison,
)
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.guards.causes import ENDED, LikelyCause
from opensense_okta.publishing.guards.measures import Loss, Measure
from opensense_okta.publishing.guards.model import Verdict
from opensense_okta.publishing.guards.verdicts import verdict_on
from opensense_okta.publishing.published import ComparisonTargets, Published, PublishedRef
from opensense_okta.resolution.people_rules import EVERYONE, GROUPS
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

TABLES = ("people", "groups", "memberships")


class ExportLoss(Loss):
    """The people of the last export who are not in the new one.

    Attributes:
        by_rule: the rules that leave out people who are active, the rule with the most people first.
        emptied: patterns of groups that somebody was a member of on the published day, and nobody is now.
    """

    by_rule: tuple[tuple[str, int], ...]
    emptied: tuple[str, ...]


def measure_export(
    connection: duckdb.DuckDBPyConnection, lake: Lake, comparison: ExportComparison, day: date
) -> ExportLoss:
    """The loss of the export.

    Args:
        connection: it has the tables of the day and of the published one (`new_…`, `old_…`).
        lake: has the people of the last delivered export.
        comparison: what is compared.
        day: that is evaluated.
    """
    compare_exports(connection, lake, comparison)
    return Sql(connection, __package__).row("exported.sql", ExportLoss, day=str(day))


def judge_export(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    guards: Guards,
    comparison: ExportComparison,
    day: date,
) -> Verdict:
    """The verdict on the people of the export; see `measure_export` for the arguments."""
    loss = measure_export(connection, lake, comparison, day)
    held = limited(loss, guards)
    if not held.exceeds:
        return verdict_on(held, found=held.found, message=f"{held.found}. {held.held_beyond}")
    cause = _cause(loss, comparison)
    message = f"{held.found}: {held.exceeds}. Likely cause: {cause.words}"
    return verdict_on(held, found=held.found, message=message, cause=cause)


def refuse_unjudged_loss(organization: Organization, lake: Lake, publication: Published) -> None:
    """Compares the people of an export with the last one, if publishing has not judged that.

    Publishing judges the export before it replaces the published day. This is for a day that is published
    already, and rules that were changed since.

    Raises:
        ExportFailed: too many are missing.
    """
    rules = organization.publish.people
    if rules in (EVERYONE, publication.exported):
        return  # publishing has judged it
    now = PublishedRef(day=publication.day, id=publication.id)
    place = ComparisonTargets(replaces=None if last_export(lake) else now)
    comparison = export_comparison(organization, lake, place)
    if comparison is None:
        return
    with engine.start(lake.scratch) as connection:
        for table in TABLES:
            for which in ("old", "new"):
                file = lake.resolved(publication.day).table(publication, table)
                engine.view(connection, f"{which}_{table}", file)
        verdict = judge_export(connection, lake, organization.guards, comparison, publication.day)
    if not verdict.passed:
        raise ExportFailed(
            verdict.message,
            remedy="correct publish.people in the organization file and start the sync again:"
            f" `opensense-okta sync {organization.name}`. If the loss is intended, start it, too: the day is"
            " resolved again and held back, and can be approved then.",
        )


def limited(loss: Loss, guards: Guards) -> Measure:
    """The loss of the export with its limits: those of all people."""
    return Measure(
        **{name: getattr(loss, name) for name in Loss.model_fields}, limit=guards.removed
    )


def _cause(loss: ExportLoss, comparison: ExportComparison) -> LikelyCause:
    left_out = loss.left_out or 0
    if 2 * loss.ended >= loss.count:
        return LikelyCause("ended", f"{loss.ended:,} {ENDED}")
    if 2 * left_out < loss.count:
        words = f"most of them are gone or inactive since the export of {comparison.day}."
        return LikelyCause("directory", words)
    if comparison.rules_changed:
        words = f"publish.people was changed since the export of {comparison.day}."
        return LikelyCause("rules_changed", words)
    rules = dict(loss.by_rule)
    if loss.emptied and rules.get(GROUPS, 0) >= left_out / 2:
        return LikelyCause(
            "left_out", f"{_groups(loss.emptied)} of publish.people {_matches(loss.emptied)}"
        )
    counts = [f"{people:,} by publish.people.{rule}" for rule, people in loss.by_rule]
    return LikelyCause("left_out", f"left out now: {some_of(counts)}.")


def _groups(patterns: Sequence[str]) -> str:
    names = some_of([f'"{pattern}"' for pattern in patterns])
    return f"the group{'s' if len(patterns) > 1 else ''} {names}"


def _matches(patterns: Sequence[str]) -> str:
    return f"match{'' if len(patterns) > 1 else 'es'} nobody now."
