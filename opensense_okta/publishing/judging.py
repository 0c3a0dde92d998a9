"""Judges a resolved day: the proofs of its snapshots, the graph of its people, and the guards.

A judgement is kept beside the day it is about. It stands as long as what it was made from does; its
digest says so, and an approval names that digest.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta import engine
from opensense_okta.directories.snapshot import SnapshotManifest, judge_snapshot
from opensense_okta.lake import Lake, move_whole, write_whole
from opensense_okta.organization import Organization
from opensense_okta.publishing import guards
from opensense_okta.publishing.guards import Circumstances, Verdict
from opensense_okta.publishing.guards import Source as GuardedSource
from opensense_okta.publishing.standing import Base, NotResolved, base_of, sources
from opensense_okta.resolution import changes
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.graph import judge_graph
from opensense_okta.resolution.resolve import ResolvedManifest

COMPARED = ("people", "accounts", "groups", "memberships")
JUDGEMENT = "judgement.json"


class Unproven(BaseModel):
    """A check that holds and did not pass: of a directory's snapshot, or of the graph of people."""

    model_config = ConfigDict(frozen=True)

    directory: str | None
    check: str
    says: str


class Judgement(BaseModel):
    """What was found of one resolved day.

    Attributes:
        resolved: the id of the tables that were judged.
        base: the published directory that they were compared with; None: nothing is published.
        digest: of the snapshots, the rules, and the published directory; equal digests, equal days.
        guards: digest of the limits that it was judged by.
        unproven: checks that hold and did not pass.
        verdicts: of every guard.
    """

    model_config = ConfigDict(frozen=True)

    day: date
    resolved: str
    base: Base | None
    digest: str
    guards: str
    difference: Difference
    unproven: tuple[Unproven, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def tripped(self) -> list[Verdict]:
        """The guards that hold the day."""
        return [verdict for verdict in self.verdicts if not verdict.passed]

    @property
    def held(self) -> bool:
        """Whether the day must not be published without a person's approval."""
        return bool(self.unproven or self.tripped)

    @property
    def reasons(self) -> list[str]:
        """Why it is held, each in a sentence or two."""
        unproven = [
            f"{one.directory}: {one.check}: {one.says}"
            if one.directory
            else f"{one.check}: {one.says}"
            for one in self.unproven
        ]
        return [*unproven, *(verdict.says for verdict in self.tripped)]


def stored_judgement(lake: Lake, day: date) -> Judgement | None:
    """What was last found of a day, or None."""
    try:
        text = (lake.resolved(day).folder / JUDGEMENT).read_bytes()
    except FileNotFoundError:
        return None
    return Judgement.model_validate_json(text)


def judge(organization: Organization, lake: Lake, resolved: ResolvedManifest) -> Judgement:
    """The judgement of a resolved day; made anew unless one of exactly this is stored.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since.
    """
    base = base_of(lake, resolved.day, resolved.id)
    stored = stored_judgement(lake, resolved.day)
    known = (resolved.id, base, _limits(organization))
    sources(lake, resolved)
    if stored and (stored.resolved, stored.base, stored.guards) == known:
        return stored
    shelf = lake.resolved(resolved.day)
    with considered(organization, lake, base, resolved) as (connection, judgement):
        unfinished = shelf.folder / resolved.id / ".changes.parquet"
        engine.store(connection, "changes", unfinished)
        move_whole(unfinished, shelf.table(resolved, "changes"))
    write_whole(shelf.folder / JUDGEMENT, judgement.model_dump_json(indent=2))
    return judgement


@contextmanager
def considered(
    organization: Organization,
    lake: Lake,
    base: Base | None,
    resolved: ResolvedManifest,
    tables: Path | None = None,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Judgement]]:
    """A connection on which the two directories are compared, and what is found of it; stores nothing.

    Args:
        organization: whose limits count.
        lake: of the organization.
        base: the published directory; None: everybody is new.
        resolved: the day that is compared with it.
        tables: where its tables lie, when that is not the lake.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since.
    """
    manifests = sources(lake, resolved)
    before = _resolved_before(lake, base)
    with compared(lake, base, resolved, tables) as (connection, difference):
        case = _circumstances(organization, lake, resolved, base, before)
        verdicts = guards.judge(connection, organization.guards, case)
        yield (
            connection,
            Judgement(
                day=resolved.day,
                resolved=resolved.id,
                base=base,
                digest=_digest(
                    [
                        {name: (str(one.as_of), one.id) for name, one in resolved.sources.items()},
                        resolved.rules,
                        base.model_dump(mode="json") if base else None,
                    ]
                ),
                guards=_limits(organization),
                difference=difference,
                unproven=(*_unproven(manifests), *_graph(resolved, before)),
                verdicts=tuple(verdicts),
            ),
        )


@contextmanager
def compared(
    lake: Lake, base: Base | None, resolved: ResolvedManifest, tables: Path | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Difference]]:
    """A connection with the two directories and table `changes`, and how much differs.

    Args:
        lake: of the organization.
        base: the published directory; None: everybody is new.
        resolved: the day that is compared with it.
        tables: where its tables lie, when that is not the lake.

    Raises:
        NotResolved: the published directory's tables are lost.
    """
    shelf = lake.resolved(resolved.day)
    with engine.start(tables or lake.folder) as connection:
        for table in COMPARED:
            new = tables / f"{table}.parquet" if tables else shelf.table(resolved, table)
            engine.view(connection, f"new_{table}", new)
            if base is None:
                nothing = connection.read_parquet(str(new)).limit(0)
                nothing.create_view(f"old_{table}")
            else:
                old = base.table(lake, table)
                if not old.exists():
                    raise NotResolved(
                        f"{lake.organization}: the tables of the published directory of {base.day}, with"
                        f" which {resolved.day} is to be compared, are no longer in the lake. Start the"
                        f" job {lake.organization}__resolve for {base.day}, then that for {resolved.day}."
                    )
                engine.view(connection, f"old_{table}", old)
        yield connection, changes.compare(connection)


def _circumstances(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    base: Base | None,
    before: ResolvedManifest | None,
) -> Circumstances:
    then = before.sources if before else {}
    now = resolved.sources
    names = dict.fromkeys([*organization.directories, *then, *now])
    reach = {
        name: lake.snapshot(name, now[name].day).manifest(SnapshotManifest)
        for name in names
        if name in now and name in then
    }
    return Circumstances(
        day=resolved.day,
        since=base.day if base else None,
        sources={
            name: GuardedSource(
                before=then[name].as_of if name in then else None,
                now=now[name].as_of if name in now else None,
                configured=name in organization.directories,
            )
            for name in names
        },
        rules_changed=before is not None and before.rules != resolved.rules,
        scope_changed=tuple(
            name
            for name, manifest in reach.items()
            if manifest is not None and then[name].reach not in ("", manifest.settings)
        ),
        stale_after_days=organization.resolution.stale_after_days,
        when_stale=organization.resolution.when_stale,
    )


def _resolved_before(lake: Lake, base: Base | None) -> ResolvedManifest | None:
    """The manifest of the published directory, as far as it is still stored."""
    if base is None:
        return None
    return base.manifest(lake)


def _unproven(manifests: dict[str, SnapshotManifest]) -> Iterator[Unproven]:
    for directory, manifest in manifests.items():
        for found in judge_snapshot(manifest):
            if found.holds and not found.passed:
                yield Unproven(directory=directory, check=found.name, says=found.says)


def _graph(resolved: ResolvedManifest, before: ResolvedManifest | None) -> Iterator[Unproven]:
    for found in judge_graph(resolved, before):
        if found.holds and not found.passed:
            yield Unproven(directory=None, check=found.name, says=found.says)


def _limits(organization: Organization) -> str:
    return _digest(organization.guards.model_dump(mode="json"))


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
