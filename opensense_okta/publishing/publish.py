"""Publishes a resolved day: runs the checks and guards, builds the database, moves it into place.

The checks run inside the publish step, so no way of starting it skips them. A reader that has the old
file open keeps it; the next reader opens the new one, which is complete. The ledger, the exports and the
report follow the published day.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import manifest_files
from opensense_okta.publishing import history
from opensense_okta.publishing.approval import check_approval
from opensense_okta.publishing.judgement import Judgement, judge_day
from opensense_okta.publishing.published import (
    Publications,
    Published,
    PublishedRef,
    describe,
    mark_name,
    published,
    published_days,
    read_publication,
    record_publication,
    resolved_day,
    sources,
)
from opensense_okta.resolution import ledger
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import LINKS, TABLES, ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import DATABASE, HISTORY, IDENTITIES, Lake, ledger_name
from opensense_okta.storage.partition import PUBLISHED, at_once, is_stored
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.state_files import write_state
from opensense_okta.storage.store import Version

# Older DuckDB shells and BI drivers can open this version.
STORAGE_VERSION = "v1.0.0"

STORED = "_stored"
"""The schema of the published database with the rows that its views are made of."""


class Held(UserError):
    """The day is not published; the last good directory stays. `str` gives at most five lines.

    Attributes:
        judgement: why it is held back.
        last: what stays published; None: nothing is.
    """

    def __init__(self, organization: str, judgement: Judgement, last: Published | None) -> None:
        self.judgement = judgement
        self.last = last
        super().__init__(
            "\n".join([f"{organization}: {judgement.day} is held back.", *judgement.reasons]),
            impact=_stays(judgement),
            remedy="If this is a mistake, correct it in the directory or in the organization file and start"
            f" the sync again: `opensense-okta sync {organization}`. If it is intended, approve this one"
            f" day: {approval_instructions(organization, judgement)}",
        )

    def __str__(self) -> str:
        headline, *reasons = self.message.splitlines()
        return "\n".join([f"{headline} {self.impact}", *reasons, f"What to do: {self.remedy}"])


def _stays(judgement: Judgement) -> str:
    if judgement.incomparable:
        return "What is published, if anything, stays published."
    if judgement.replaces is None:
        return "Nothing is published yet."
    stays = describe(judgement.replaces, judgement.day)
    return f"{stays.capitalize()}, which it was compared with, stays published."


def approval_instructions(organization: str, judgement: Judgement) -> str:
    """How a person approves a day that is held back."""
    job = (
        f"the job {organization}__approve for {judgement.day} with the configuration that `approve_with`"
        " of resolved_directory shows"
    )
    if judgement.replaces is not None and judgement.replaces.day > judgement.day:
        return f"{job}."
    return (
        f"`opensense-okta approve {organization} --date {judgement.day} --by YOUR_NAME`, which shows"
        f" examples first; or, in Dagster's UI, {job}."
    )


@dataclass(frozen=True)
class Publication:
    """The result of publishing.

    Attributes:
        not_published: why another day stays published, in words; None: `day` is published now.
        difference: from the latest published day before it.
        rows: of each published table of `main`; none if another day stays.
        approved_by: who approved the day, if it was held back.
    """

    day: date
    not_published: str | None = None
    difference: Difference | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    approved_by: str | None = None


def publish(
    organization: Organization, lake: Lake, day: date, *, even_if_older: bool = False
) -> Publication:
    """Runs the checks and guards of a resolved day and publishes it if they pass.

    A later day without a new read does not replace the published one: it is not as current as it claims.

    Args:
        organization: whose.
        lake: of the organization.
        day: a resolved day.
        even_if_older: whether it also replaces a published day that is newer.

    Raises:
        Held: a check or guard did not pass; the published directory stays as it was.
        NotResolved: the day has not been resolved, or a snapshot was replaced since.
        Changed: another process published since this one began.
    """
    seen = _seen_versions(lake, day)
    resolved, last = resolved_day(lake, day), published(lake)
    if last is not None and (reason := _why_last_stays(last, resolved, even_if_older)):
        return Publication(day, reason)
    judgement = judge_day(organization, lake, resolved, even_if_older=even_if_older)
    record = _record(organization, lake, resolved, judgement, last)
    if last is not None:
        _restore_mark(lake, last, seen)
    since = record.since or datetime.now(UTC)
    with _built(lake, resolved, since) as (unfinished, new_history):
        now = record.model_copy(update={"file": lake.store.mark_of(unfinished)})
        either = Publications(newest_first=(now, last) if last else (now,))
        write_state(lake.store, PUBLISHED, either, seen[PUBLISHED])
        # After `published.json`: a ledger without it means that a publication is not known any more.
        _write_ledger(lake, resolved, seen[ledger_name(day)])
        if new_history.exists():
            lake.store.keep(new_history, HISTORY, seen[HISTORY])
        # A process that wrote into the old file left a log, which DuckDB would replay into the new file.
        lake.store.remove([f"{DATABASE}.wal"])
        lake.store.keep(unfinished, DATABASE, seen[DATABASE])
    record_publication(lake, now, seen[mark_name(lake, day)])
    return Publication(
        day, difference=now.difference, rows=resolved.rows, approved_by=now.approved_by
    )


def _record(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    judgement: Judgement,
    last: Published | None,
) -> Published:
    """What is stored of the publication. Its database is not made yet, so its file is unknown.

    Raises:
        Held: the day needs an approval and has none.
    """
    record = Published(
        id=resolved.id,
        day=resolved.day,
        file="",
        resolved=resolved,
        base=judgement.base,
        difference=judgement.difference,
        since=datetime.now(UTC),
    )
    if last is not None and last.id == resolved.id:
        kept = ("approved_by", "approved", "exported")  # it is not judged again
        same = {name: getattr(last, name) for name in kept}
        return record.model_copy(update={**same, "since": published_since(lake, last)})
    approved_by = _required_approval(lake, judgement, last)
    approved = last.last_approved if last and last.day == resolved.day else None
    if approved_by is not None:
        approved = PublishedRef(day=resolved.day, id=resolved.id)
    elif last and last.resolved.sources == resolved.sources:
        approved_by = last.approved_by  # the same snapshots are resolved again
    exported = organization.publish.people if organization.publish.csv else None
    return record.model_copy(
        update={"approved_by": approved_by, "approved": approved, "exported": exported}
    )


def _seen_versions(lake: Lake, day: date) -> dict[str, Version]:
    """The versions of all files that publishing replaces, before it reads one of them."""
    names = (PUBLISHED, DATABASE, HISTORY, ledger_name(day), mark_name(lake, day))
    return {name: lake.store.version(name) for name in names}


def _restore_mark(lake: Lake, last: Published, seen: dict[str, Version]) -> None:
    """Writes the mark of the published day, if the process that published it was killed before it could."""
    if read_publication(lake, last.day) != last:
        name = mark_name(lake, last.day)
        seen[name] = record_publication(lake, last, seen.get(name, lake.store.version(name)))


def _why_last_stays(last: Published, resolved: ResolvedManifest, even_if_older: bool) -> str | None:
    """Why the published day is not replaced, whatever the checks say; None: it may be."""
    day = resolved.day
    if last.day > day and not even_if_older:
        return f"{day} is resolved, and not published: {last.day} is published, and is newer."
    if last.day < day and all(source.day <= last.day for source in resolved.sources.values()):
        return (
            f"{day} is resolved, and not published: no directory was read after {last.day}, which stays"
            " published."
        )
    return None


def published_since(lake: Lake, last: Published) -> datetime:
    """When the published tables were published first."""
    if last.since is not None:
        return last.since
    # The local copy of a stored database is as old as this process.
    stored = next(lake.store.entries(DATABASE), None)
    return stored.modified if stored else datetime.now(UTC)


def _required_approval(lake: Lake, judgement: Judgement, last: Published | None) -> str | None:
    """Who approved the day; None: it needs no approval.

    Raises:
        Held: the day needs an approval and has none.
    """
    outcome = check_approval(lake, judgement)
    if outcome.state == "needs_approval":
        raise Held(lake.organization, judgement, last)
    return outcome.approval.by if outcome.approval else None


def _write_ledger(
    lake: Lake, resolved: ResolvedManifest, over: Version, *, own: bool = True
) -> None:
    """Writes the day into the identity ledger, before readers can see its ids; `own` as in `ledger.write`."""
    unfinished = lake.unfinished(ledger_name(resolved.day))
    shelf = lake.resolved(resolved.day)
    accounts, links = (shelf.table(resolved, name) for name in ("accounts", LINKS))
    try:
        ledger.write(lake, resolved.day, accounts, links, unfinished, own=own)
        lake.store.keep(unfinished, ledger_name(resolved.day), over)
    finally:
        unfinished.unlink(missing_ok=True)


def restore_ledger(lake: Lake) -> list[date]:
    """Writes lost and damaged files of the ledger again, from the tables of their published days.

    Without them people would get new ids, and the guards would count the old ids as removed.

    Returns:
        The days whose file was written.

    Raises:
        TableDamaged: a day's tables are no longer stored.
    """
    listed = lake.listed(IDENTITIES)
    suspects = _damaged_ledger(listed, sorted({*published_days(lake), *listed.ledger_days()}))
    seen = {day: lake.store.version(ledger_name(day)) for day in suspects}
    damaged = _damaged_ledger(lake, suspects)
    for day in damaged:
        mark = read_publication(lake, day)
        if mark is None or not is_stored(lake.resolved(day).table(mark, "accounts")):
            raise engine.TableDamaged(lake.ledger(day))
        _write_ledger(lake, mark.resolved, seen[day], own=False)
    return damaged


def _damaged_ledger(lake: Lake, days: Sequence[date]) -> list[date]:
    """The days of which the file of the ledger is lost or damaged."""
    if not days:
        return []
    files = dict(zip(at_once(lake.store, lake.ledger, days), days, strict=True))
    with engine.start(lake.scratch) as connection:
        return [files[file] for file in engine.unreadable(connection, list(files))]


@contextmanager
def _built(lake: Lake, resolved: ResolvedManifest, since: datetime) -> Iterator[tuple[Path, Path]]:
    """A finished private database in the scratch folder, and the history, unless that is stored already.

    They are removed if they are not moved into place.
    """
    files = lake.unfinished(DATABASE), lake.unfinished(HISTORY)
    try:
        _build(lake, resolved, since, *files)
        yield files
    finally:
        for file in files:
            for leftover in lake.scratch.glob(f"{file.name}*"):
                leftover.unlink()


def _build(
    lake: Lake, resolved: ResolvedManifest, since: datetime, path: Path, new_history: Path
) -> None:
    with engine.start(lake.scratch) as connection:
        connection.execute(
            f"attach '{_quoted(path)}' as published (storage_version '{STORAGE_VERSION}')"
        )
        partition = lake.resolved(resolved.day)
        for table in (*TABLES, "changes"):
            engine.view(connection, f"new_{table}", partition.table(resolved, table))
        manifests = [
            file for directory in resolved.sources for _, file in manifest_files(lake, directory)
        ]
        sql = Sql(connection, __package__)
        sql.run("syncs.sql", manifests=manifests)
        history.fill(connection, lake, resolved, new_history)
        # First, while the database has no other blocks in memory: profiles are the largest texts.
        for directory, manifest in sources(lake, resolved).items():
            connection.execute(f'create schema published."{directory}"')
            for table in manifest.tables:
                # Not a name with the directory's in it: one called `new` would replace views made above.
                file = lake.snapshot(directory, manifest.day).table(manifest, table)
                engine.view(connection, "raw", file)
                connection.execute(f'create table published."{directory}".{table} as from raw')
        sql.run(
            "publish.sql",
            day=str(resolved.day),
            resolved_id=resolved.id,
            published_at=since.isoformat(),
        )
        sql.run("published_views.sql")
        connection.execute("detach published")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
