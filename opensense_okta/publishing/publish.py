"""Publishes a resolved day: reads the proofs itself, judges, builds the database, moves it into place.

Publishing trusts nobody: whatever run or person starts it, it reads the manifests of the day and
refuses on its own. Readers who hold the old file open keep it; whoever opens the path next sees the
new one, whole.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from opensense_okta import engine
from opensense_okta.directories.snapshot import TABLES as RAW_TABLES
from opensense_okta.directories.snapshot import Finding, SnapshotManifest, judge_snapshot
from opensense_okta.lake import Lake, Manifest, move_whole, write_whole
from opensense_okta.resolution.resolve import TABLES, ResolvedManifest

# So that people's older DuckDB shells and BI drivers can open the file.
STORAGE_VERSION = "v1.0.0"


class Held(Exception):
    """The day is not published; the last good directory stays.

    Attributes:
        day: that is held.
        findings: why, by directory.
        what, means, remedy: the same in words, as of any failure.
    """

    def __init__(
        self, organization: str, day: date, findings: dict[str, list[Finding]], last: date | None
    ) -> None:
        reasons = " ".join(
            f"{directory}: {finding.name}: {finding.says}"
            for directory, found in findings.items()
            for finding in found
        )
        stays = f"The directory of {last} stays published." if last else "Nothing is published yet."
        self.what = f"{organization}: {day} is held back. {reasons}"
        self.means = stays
        self.remedy = (
            "Look at the snapshot's checks in Dagster, mend the cause in the directory, and start the"
            f" sync again with `opensense-okta sync {organization}`."
        )
        super().__init__(f"{self.what} {self.means} What to do: {self.remedy}")
        self.day = day
        self.findings = findings


class NotResolved(Exception):
    """The day cannot be published as it is; the text says what to do first."""


class Difference(BaseModel):
    """How many people came, went and changed since the directory that was published before."""

    model_config = ConfigDict(frozen=True)

    since: date
    added: int
    removed: int
    changed: int


class Base(BaseModel):
    """The directory that a published one is compared with: of the latest published day before it."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str


class Published(Manifest):
    """Which day a published database holds, and how it differs from the published day before.

    Attributes:
        file: the inode of the database, which a rename does not change.
    """

    day: date
    file: int
    base: Base | None = None
    difference: Difference | None = None


class Publications(BaseModel):
    """What the database may be: the one about to be moved into place, and the one it replaces.

    Written before the move, so that the move alone is the commit: the database's own inode tells
    which of the two it is.
    """

    model_config = ConfigDict(frozen=True)

    newest_first: tuple[Published, ...]


@dataclass(frozen=True)
class Publication:
    """What publishing did: `day` is in the database now, or `newer` was and stays.

    Attributes:
        difference: from the directory that was published before; None when there was none.
        rows: of each published table of `main`; none when `newer` stays.
    """

    day: date
    newer: date | None = None
    difference: Difference | None = None
    rows: Mapping[str, int] = field(default_factory=dict)


def publish(lake: Lake, day: date, *, even_if_older: bool = False) -> Publication:
    """Judges the resolved day and puts it into the published database.

    Args:
        lake: of the organization.
        day: that has been resolved.
        even_if_older: replaces a published day that is newer, too.

    Raises:
        Held: it did not pass; the published directory stays as it was.
        NotResolved: the day has not been resolved, or a snapshot was replaced since.
    """
    resolved = lake.resolved(day).manifest(ResolvedManifest)
    if resolved is None:
        raise NotResolved(
            f"{lake.organization}: {day} has not been resolved, so it cannot be published. Start the job"
            f" {lake.organization}__resolve for {day}."
        )
    last = published(lake)
    held = judge(lake, resolved)
    if held:
        raise Held(lake.organization, day, held, last.day if last else None)
    if last is not None and last.day > day and not even_if_older:
        return Publication(day, newer=last.day)
    base = _base(last, day)
    difference = _compared(lake, base, resolved) if base else None
    with _built(lake, resolved) as unfinished:
        now = Published(
            id=resolved.id,
            day=day,
            file=unfinished.stat().st_ino,
            base=base,
            difference=difference,
        )
        either = Publications(newest_first=(now, last) if last else (now,))
        write_whole(lake.published, either.model_dump_json(indent=2))
        # Who wrote into the old file left a log beside it, which would be replayed into the new one.
        lake.database.with_name(f"{lake.database.name}.wal").unlink(missing_ok=True)
        move_whole(unfinished, lake.database)
    return Publication(day, difference=difference, rows=resolved.rows)


def published(lake: Lake) -> Published | None:
    """Which day is published, or None."""
    try:
        either = Publications.model_validate_json(lake.published.read_bytes()).newest_first
        file = lake.database.stat().st_ino
    except FileNotFoundError:
        return None
    # A database that came back from a backup is neither of the two files: take it for the newest.
    found = next((one for one in either if one.file == file), either[0])
    return found.model_copy(update={"file": file})


def judge(lake: Lake, resolved: ResolvedManifest) -> dict[str, list[Finding]]:
    """What holds the resolved day back, by directory; empty when nothing does."""
    held: dict[str, list[Finding]] = {}
    for directory, manifest in sources(lake, resolved).items():
        failed = [found for found in judge_snapshot(manifest) if found.holds and not found.passed]
        if failed:
            held[directory] = failed
    return held


def sources(lake: Lake, resolved: ResolvedManifest) -> dict[str, SnapshotManifest]:
    """The manifests of the snapshots that the day was resolved from.

    Raises:
        NotResolved: one of them has been replaced since.
    """
    manifests = {}
    for directory, source in resolved.sources.items():
        manifest = lake.snapshot(directory, source.day).manifest(SnapshotManifest)
        if manifest is None or manifest.id != source.id:
            raise NotResolved(
                f"{lake.organization}/{directory}: the snapshot of {source.day} that {resolved.day} was"
                f" resolved from has been replaced. Start the job {lake.organization}__resolve for"
                f" {resolved.day}."
            )
        manifests[directory] = manifest
    return manifests


def _base(last: Published | None, day: date) -> Base | None:
    """What a day is compared with; a day published again with what it was compared with before."""
    if last is None or last.day > day:
        return None
    return last.base if last.day == day else Base(day=last.day, id=last.id)


def _compared(lake: Lake, base: Base, resolved: ResolvedManifest) -> Difference | None:
    shelf = lake.resolved(base.day)
    before = shelf.folder / base.id / "people.parquet"
    if not before.exists():  # resolved again since, and swept
        again = shelf.manifest(ResolvedManifest)
        if again is None:
            return None
        before = shelf.table(again, "people")
    with engine.start(lake.folder) as connection:
        engine.view(connection, "old_people", before)
        engine.view(connection, "new_people", lake.resolved(resolved.day).table(resolved, "people"))
        (counts,) = engine.run(connection, __package__, "compared.sql")
    return Difference.model_validate({"since": base.day, **counts})


@contextmanager
def _built(lake: Lake, resolved: ResolvedManifest) -> Iterator[Path]:
    """The finished database beside the published one, private; removed unless it is moved away."""
    unfinished = lake.database.with_name(f".{lake.database.name}.{secrets.token_hex(4)}")
    try:
        _build(lake, resolved, unfinished)
        unfinished.chmod(0o600)
        yield unfinished
    finally:
        for leftover in lake.database.parent.glob(f"{unfinished.name}*"):
            leftover.unlink()


def _build(lake: Lake, resolved: ResolvedManifest, path: Path) -> None:
    with engine.start(lake.folder) as connection:
        connection.execute(
            f"attach '{_quoted(path)}' as published (storage_version '{STORAGE_VERSION}')"
        )
        shelf = lake.resolved(resolved.day)
        for table in TABLES:
            engine.view(connection, f"new_{table}", shelf.table(resolved, table))
        manifests = [
            str(lake.snapshot(directory, day).manifest_file)
            for directory in resolved.sources
            for day in lake.snapshot_days(directory)
        ]
        engine.run(connection, __package__, "syncs.sql", manifests=manifests)
        engine.run(connection, __package__, "publish.sql")
        for directory, manifest in sources(lake, resolved).items():
            connection.execute(f'create schema published."{directory}"')
            for table in RAW_TABLES:
                view = f"{directory}_{table}"
                engine.view(
                    connection, view, lake.snapshot(directory, manifest.day).table(manifest, table)
                )
                connection.execute(f'create table published."{directory}".{table} as from {view}')
        connection.execute("detach published")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
