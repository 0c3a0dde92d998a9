"""Evaluates a resolved day: its checks, and the guards against each publication that it is compared with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict, field_validator

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.publishing.exports.comparison import export_comparison
from opensense_okta.publishing.guards import evaluate as guards
from opensense_okta.publishing.guards import explanation
from opensense_okta.publishing.guards.combine import larger_losses, of_export, with_fingerprints
from opensense_okta.publishing.guards.emptied_export import judge_emptied_export
from opensense_okta.publishing.guards.evaluate import GuardContext, Verdict
from opensense_okta.publishing.guards.evaluate import Source as GuardedSource
from opensense_okta.publishing.guards.exported import judge_export
from opensense_okta.publishing.guards.left_out import more_left_out
from opensense_okta.publishing.published import (
    UNKNOWN_RULES,
    ComparisonTargets,
    NotResolved,
    PublishedRef,
    sources,
)
from opensense_okta.resolution import changes
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.partition import PUBLISHED, is_stored

COMPARED = ("people", "accounts", "groups", "memberships")


class Findings(BaseModel):
    """What speaks against publishing a directory.

    Attributes:
        unproven: errors of the checks.
        verdicts: of every guard.
    """

    model_config = ConfigDict(frozen=True)

    unproven: tuple[CheckResult, ...]
    verdicts: tuple[Verdict, ...]

    @field_validator("unproven", mode="before")
    @classmethod
    def _failed(cls, results: object) -> object:
        """Judgements that version 0.1 stored do not say that these checks failed."""
        if not isinstance(results, list):
            return results
        return [{"passed": False, **result} for result in results]

    @property
    def tripped(self) -> list[Verdict]:
        """The guards that hold the day."""
        return [verdict for verdict in self.verdicts if verdict.outcome == "error"]

    @property
    def held(self) -> bool:
        """Whether the day must not be published without a person's approval."""
        return bool(self.unproven or self.tripped)

    @property
    def incomparable(self) -> bool:
        """Whether it is not known what is published."""
        return any(verdict.name == "comparison_missing" for verdict in self.tripped)

    @property
    def reasons(self) -> list[str]:
        """Why it is held: a line for each cause, the largest loss first."""
        return explanation.reasons(self.unproven, self.verdicts)


@contextmanager
def compared(
    lake: Lake, base: PublishedRef | None, resolved: ResolvedManifest, tables: Path | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Difference]]:
    """A connection with the two directories and table `changes`, and how much differs; stores nothing.

    Args:
        lake: of the organization.
        base: the published directory; None: everybody is new.
        resolved: the day that is compared with it.
        tables: the folder of its tables; None: they are in the lake.

    Raises:
        NotResolved: the published directory's tables are lost.
    """
    partition = lake.resolved(resolved.day)
    with engine.start(tables or lake.scratch) as connection:
        for table in COMPARED:
            new = tables / f"{table}.parquet" if tables else partition.table(resolved, table)
            engine.view(connection, f"new_{table}", new)
            if base is None:
                nothing = connection.read_parquet(str(new)).limit(0)
                nothing.create_view(f"old_{table}")
            else:
                old = base.table(lake, table)
                if not is_stored(old):
                    raise _lost(lake, base, resolved.day)
                engine.view(connection, f"old_{table}", old)
        yield connection, changes.compare(connection)


def _lost(lake: Lake, base: PublishedRef, day: date) -> NotResolved:
    of_day = lake.resolved(base.day)
    return NotResolved(
        f"{lake.organization}: the tables of the published directory of {base.day}, with which {day} is to"
        f" be compared, are no longer in the lake. Put {lake.url(of_day.document(base.id))} back from"
        " a backup. As long as the snapshots that it was made of are stored, the job"
        f" {lake.organization}__resolve for {base.day} makes it again, with the rules of that time; then"
        f" start the job for {day}. If this does not help, move {lake.url(PUBLISHED)},"
        f" {lake.url(DATABASE)} and {lake.url(of_day.name)} away: then the day is compared with the"
        " publication before, or"
        " held back until a person approves it if there is none."
    )


def evaluate_day(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    known: Mapping[PublishedRef | None, Sequence[Verdict]],
    tables: Path | None = None,
) -> Findings:
    """What speaks against publishing the day; of each loss the larger one counts.

    Args:
        organization: whose limits count.
        lake: of the organization.
        resolved: the day.
        place: what it is compared with.
        known: the verdicts against some of these publications.
        tables: the folder of the day's tables; None: they are in the lake.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since, or the tables of a
            publication are lost.
    """

    def verdicts_against(target: PublishedRef | None) -> Sequence[Verdict]:
        if target in known:
            return known[target]
        with compared(lake, target, resolved, tables) as (connection, _):
            return _evaluate(connection, organization, lake, resolved, place, target)

    verdicts = verdicts_against(place.replaces)
    if place.accepted is not None:
        approved = "the approved publication of " if place.accepted.day == resolved.day else ""
        since = f"{approved}{place.accepted.day}"
        verdicts = larger_losses(verdicts, verdicts_against(place.accepted), since)
    return Findings(unproven=tuple(_unproven(lake, resolved)), verdicts=tuple(verdicts))


def evaluate_compared(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    base: PublishedRef | None,
) -> dict[PublishedRef | None, Sequence[Verdict]]:
    """The verdicts that need no other comparison than that with `base`, which is on the connection."""
    return {
        target: _evaluate(connection, organization, lake, resolved, place, target)
        for target in place.targets
        if target in (None, base)
    }


def _evaluate(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    target: PublishedRef | None,
) -> Sequence[Verdict]:
    """The verdicts of the guards against one publication; None: only guards that compare nothing count."""
    context = _guard_context(organization, lake, resolved, place, target)
    evaluated = guards.evaluate_guards(connection, organization.guards, context)
    verdicts = with_fingerprints(connection, evaluated)
    export = export_comparison(organization, lake, place)
    if export is not None and target == place.replaces:
        verdicts.append(
            of_export(
                connection,
                judge_export(connection, lake, organization.guards, export, resolved.day),
            )
        )
    if target == place.replaces:
        verdicts.extend(judge_emptied_export(connection, organization, lake, place))
    return verdicts


def _guard_context(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    target: PublishedRef | None,
) -> GuardContext:
    before = target.manifest(lake) if target else None
    then = before.sources if before else {}
    now = resolved.sources
    directories = organization.directories
    names = dict.fromkeys([*directories, *then, *now])
    return GuardContext(
        day=resolved.day,
        since=target.day if target else None,
        newer=place.newer,
        lost=place.lost,
        sources={
            name: GuardedSource(
                before=then[name].as_of if name in then else None,
                now=now[name].as_of if name in now else None,
                configured=name in directories,
                kind=directories[name].kind if name in directories else None,
            )
            for name in names
        },
        rules_changed=before is not None and before.rules not in (UNKNOWN_RULES, resolved.rules),
        scope_changed=tuple(
            name
            for name in names
            if name in now
            and name in then
            and then[name].source_scope not in ("", now[name].source_scope)
        ),
        left_out=more_left_out(lake, resolved, before),
        stale_after_days=organization.resolution.stale_after_days,
        when_stale=organization.resolution.when_stale,
    )


def _unproven(lake: Lake, resolved: ResolvedManifest) -> Iterator[CheckResult]:
    """The errors of the checks of the day's snapshots, and of the day."""
    for manifest in sources(lake, resolved).values():
        yield from (result for result in check_snapshot(manifest) if result.outcome == "error")
    # Without an earlier day: the checks that compare two days are warnings.
    for result in check_resolved_day(resolved, None):
        if result.outcome == "error":
            yield result
