"""The judgement of a resolved day: checks of its snapshots, checks of its people, and the guards.

A judgement is stored beside its day. It is valid as long as its inputs are the same: its digest
identifies them, and an approval names that digest.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import ClassVar

import duckdb
from pydantic import BaseModel, ConfigDict, field_validator

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.publishing.exports.comparison import ExportComparison, export_comparison
from opensense_okta.publishing.guards import evaluate as guards
from opensense_okta.publishing.guards import explanation
from opensense_okta.publishing.guards.evaluate import GuardContext, Verdict
from opensense_okta.publishing.guards.evaluate import Source as GuardedSource
from opensense_okta.publishing.guards.exported import judge_export
from opensense_okta.publishing.published import (
    UNKNOWN_RULES,
    ComparisonTargets,
    NotResolved,
    PublishedRef,
    comparison_targets,
    published,
    sources,
)
from opensense_okta.resolution import changes, rules
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.partition import PUBLISHED, is_stored
from opensense_okta.storage.state_files import IfDamaged, SeenState, seen_state, write_state

COMPARED = ("people", "accounts", "groups", "memberships")
JUDGEMENT = "judgement.json"


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


class Judgement(Findings):
    """What was found of one resolved day.

    Attributes:
        resolved: the id of the tables that were judged.
        base: the latest published day before, which its changes refer to; None: there is none.
        replaces: the published directory, which the guards compared it with; None: there is none, or none
            that it would replace.
        newer: the published day that stays, so that nothing is judged.
        export: with which export the people of the day's export were compared; None: with none.
        digest: of the snapshots, the rules, the limits, and the published directory that it was compared
            with: equal digests, equal judgements.
        difference: from `base`.
    """

    IF_DAMAGED: ClassVar = IfDamaged(
        "The day is judged again; an approval of it counts if the result is the same.",
        "nothing: the next sync or resolve of that day writes it.",
    )

    day: date
    resolved: str
    base: PublishedRef | None
    replaces: PublishedRef | None = None
    newer: date | None = None
    export: ExportComparison | None = None
    digest: str
    difference: Difference

    @property
    def held(self) -> bool:
        """Whether the day must not be published without a person's approval."""
        return self.newer is None and super().held


def stored_judgement(lake: Lake, day: date) -> Judgement | None:
    """What was last found of a day; None: nothing, or the file is damaged."""
    return _seen(lake, day).content


def judge_day(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    *,
    even_if_older: bool = False,
) -> Judgement:
    """The judgement of a resolved day: the stored one if its inputs are the same, else a new one.

    A published day keeps its stored judgement.

    Args:
        organization: whose limits count.
        lake: of the organization.
        resolved: the day that is judged.
        even_if_older: whether it would replace a published day that is newer.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since, or the rules are
            other ones now.
        Changed: another process judged the day at the same time.
    """
    sources(lake, resolved)
    if resolved.rules != rules.digest(organization):
        raise NotResolved(
            f"{lake.organization}: {resolved.day} was resolved under other rules than the organization file"
            f" has now. Start the job {lake.organization}__resolve for {resolved.day}: it applies the new"
            " rules, and the guards evaluate what they change."
        )
    seen, last = _seen(lake, resolved.day), published(lake)
    stored = seen.content
    place = comparison_targets(lake, resolved.day, even_if_older=even_if_older)
    if last is not None and last.id == resolved.id:
        if stored is not None and stored.resolved == resolved.id:
            return stored
        place = ComparisonTargets(last.base, replaces=last.base)
    export = export_comparison(organization, lake, place)
    digest = _digest(organization, resolved, place, export)
    if stored and (stored.resolved, stored.base, stored.digest) == (
        resolved.id,
        place.before,
        digest,
    ):
        return stored
    judgement = _judged(organization, lake, resolved, place, digest)
    write_state(lake.store, _name(lake, resolved.day), judgement, seen.version)
    return judgement


def _seen(lake: Lake, day: date) -> SeenState[Judgement]:
    return seen_state(lake.store, _name(lake, day), Judgement)


def _name(lake: Lake, day: date) -> str:
    return lake.resolved(day).document(JUDGEMENT)


def _judged(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    digest: str,
) -> Judgement:
    """Compares the day with the previous one, stores its changes, and runs the checks and guards."""
    changes_name = lake.resolved(resolved.day).table_name(resolved.id, "changes")
    over = lake.store.version(changes_name)
    with compared(lake, place.before, resolved) as (connection, difference):
        # Another process may judge the same day at the same time.
        unfinished = lake.unfinished(changes_name)
        try:
            engine.store(connection, "changes", unfinished)
            lake.store.keep(unfinished, changes_name, over)
        finally:
            unfinished.unlink(missing_ok=True)
        enough = place.replaces in (None, place.before)
        found = evaluate_day(connection, organization, lake, resolved, place) if enough else None
    if found is None:
        with compared(lake, place.replaces, resolved) as (connection, _):
            found = evaluate_day(connection, organization, lake, resolved, place)
    return Judgement(
        day=resolved.day,
        resolved=resolved.id,
        base=place.before,
        replaces=place.replaces,
        newer=place.newer,
        export=export_comparison(organization, lake, place),
        digest=digest,
        difference=difference,
        unproven=found.unproven,
        verdicts=found.verdicts,
    )


@contextmanager
def compared(
    lake: Lake, base: PublishedRef | None, resolved: ResolvedManifest, tables: Path | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Difference]]:
    """A connection with the two directories and table `changes`, and how much differs; stores nothing.

    Args:
        lake: of the organization.
        base: the published directory; None: everybody is new.
        resolved: the day that is compared with it.
        tables: where its tables lie, when that is not the lake.

    Raises:
        NotResolved: the published directory's tables are lost.
    """
    shelf = lake.resolved(resolved.day)
    with engine.start(tables or lake.scratch) as connection:
        for table in COMPARED:
            new = tables / f"{table}.parquet" if tables else shelf.table(resolved, table)
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
        f" a backup. As long as the snapshots that it was made of are stored, the job"
        f" {lake.organization}__resolve for {base.day} makes it again, under the rules of then; start"
        f" that for {day} after it. If nothing helps, move {lake.url(PUBLISHED)}, {lake.url(DATABASE)} and"
        f" {lake.url(of_day.name)} away: then the day is compared with the publication before, or"
        " held back until a person approves it if there is none."
    )


def evaluate_day(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
) -> Findings:
    """What speaks against publishing the day.

    Args:
        connection: on which it has been compared with what it replaces.
        organization: whose limits count.
        lake: of the organization.
        resolved: the day.
        place: what it replaces.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since.
    """
    case = _circumstances(organization, lake, resolved, place)
    verdicts = guards.evaluate_guards(connection, organization.guards, case)
    export = export_comparison(organization, lake, place)
    if export is not None:
        verdicts.append(judge_export(connection, lake, organization.guards, export))
    return Findings(unproven=tuple(_unproven(lake, resolved)), verdicts=tuple(verdicts))


def _circumstances(
    organization: Organization, lake: Lake, resolved: ResolvedManifest, place: ComparisonTargets
) -> GuardContext:
    before = place.replaces.manifest(lake) if place.replaces else None
    then = before.sources if before else {}
    now = resolved.sources
    directories = organization.directories
    names = dict.fromkeys([*directories, *then, *now])
    return GuardContext(
        day=resolved.day,
        since=place.replaces.day if place.replaces else None,
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


def _digest(
    organization: Organization,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    export: ExportComparison | None,
) -> str:
    """A hash of all inputs of a judgement."""
    limits = organization.guards
    made_of = [
        {name: (str(one.as_of), one.id) for name, one in resolved.sources.items()},
        resolved.rules,
        limits.model_dump(exclude={"directories"}),
        {name: limits.of(name).model_dump() for name in organization.directories},
        place.replaces.model_dump(mode="json") if place.replaces else str(place.newer),
    ]
    if export is not None:
        made_of.append(export.model_dump(mode="json"))
    if place.lost:
        made_of.append("nothing to compare with")
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
