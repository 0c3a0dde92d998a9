"""The checks of `opensense-okta doctor`: what the next sync needs, the rules, and the files of the lake."""

from collections.abc import Iterator

from pydantic import BaseModel

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.approval import APPROVAL, Approvals
from opensense_okta.publishing.database import publication_row
from opensense_okta.publishing.exports import state as exports
from opensense_okta.publishing.forget import records as forgetting
from opensense_okta.publishing.judgement import JUDGEMENT, Judgement
from opensense_okta.publishing.notifications import state as notifications
from opensense_okta.publishing.published import (
    Publications,
    Published,
    lost_publication,
    missing_database,
    read_publication,
)
from opensense_okta.resolution import doctor
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import DATABASE, HISTORY, Lake
from opensense_okta.storage.partition import MANIFEST, PUBLISHED, at_once, is_stored
from opensense_okta.storage.state_files import StateFileDamaged, read_state
from opensense_okta.storage.store import ABSENT

STATE_FILES = "state files"
OF_A_DAY = (
    (MANIFEST, ResolvedManifest),
    (JUDGEMENT, Judgement),
    (APPROVAL, Approvals),
    (PUBLISHED, Published),
)


def examine_organization(organization: Organization, lake: Lake) -> list[tuple[str, CheckResult]]:
    """Each result, with the name of its directory or of the organization."""
    results = doctor.examine_organization(organization, lake)
    return [*results, *((organization.name, result) for result in examine_state_files(lake))]


def examine_state_files(lake: Lake) -> list[CheckResult]:
    """A result for each document of the lake that cannot be read; one if all can."""
    problems = [*damaged_documents(lake), *_damaged_tables(lake), *_interrupted_forgetting(lake)]
    if not problems:
        return [CheckResult.make(STATE_FILES, "passed", "every document of the lake can be read.")]
    results = []
    for problem in problems:
        says = f"{problem.message} {problem.impact}"
        remedy = f"What to do: {problem.remedy}"
        results.append(CheckResult.make(STATE_FILES, "warning", says, remedy))
    return results


def damaged_documents(lake: Lake) -> Iterator[UserError]:
    """An error for each document of the lake that cannot be read."""
    listed = lake.listed()
    errors = at_once(lake.store, lambda of: _error_of(listed, *of), _documents(listed))
    yield from filter(None, errors)
    for folder in lake.foreign_folders():
        yield StateFileDamaged(
            f"{lake.url(folder)} cannot be listed: it belongs to another user.",
            impact="The days in it are not used, and not deleted when they expire.",
            remedy="make the user of Dagster's processes the owner of the folder and all in it.",
        )
    try:
        publication_row(lake.database)
    except UserError as error:
        yield error
    missing = missing_database(lake)
    if missing:
        yield missing
    lost = lost_publication(lake)
    if lost:
        yield UserError(
            f"It is not known what is published: {lost}.",
            impact="The next day is held back, because there is nothing to compare it with.",
            remedy=f"restore {lake.url(DATABASE)} and {lake.url(PUBLISHED)} from a backup, or approve the"
            " next day.",
        )


def _error_of(lake: Lake, name: str, model: type[BaseModel]) -> UserError | None:
    try:
        read_state(lake.store, name, model)
    except UserError as error:
        return error
    return None


def _damaged_tables(lake: Lake) -> Iterator[UserError]:
    """An error for each damaged file of the ledger, of the people of a published day, and of the history."""
    marks = [mark for day in lake.published_days() if (mark := read_publication(lake, day))]
    people = [lake.resolved(mark.day).table(mark, "people") for mark in marks]
    files = [*map(lake.ledger, lake.ledger_days()), *filter(is_stored, people)]
    stored_history = lake.store.fetch(HISTORY)
    with engine.start(lake.scratch) as connection:
        for file in engine.unreadable(connection, files):
            yield engine.TableDamaged(file)
        if stored_history and not engine.is_readable(connection, stored_history):
            yield StateFileDamaged(
                f"{lake.url(HISTORY)} is damaged: it is not the history of people.",
                impact="None: the history is made from the tables of the published days.",
                remedy="nothing: the next day that is published writes the file.",
            )


def _interrupted_forgetting(lake: Lake) -> Iterator[UserError]:
    if lake.store.version(forgetting.BEGUN) != ABSENT:
        yield UserError(
            f"{lake.url(forgetting.BEGUN)}: a `forget` was interrupted.",
            impact="Data of the person may still be stored.",
            remedy=f"start `opensense-okta forget {lake.organization}` again, for any person: it completes"
            " that work first.",
        )


def _documents(lake: Lake) -> Iterator[tuple[str, type[BaseModel]]]:
    for directory in lake.directories():
        for day in lake.snapshot_days(directory, complete=False):
            yield lake.snapshot(directory, day).document(MANIFEST), SnapshotManifest
    for day in lake.resolved_days(complete=False):
        for file, model in OF_A_DAY:
            yield lake.resolved(day).document(file), model
    yield PUBLISHED, Publications
    yield exports.STATE, exports.ExportState
    yield notifications.STATE, notifications.NotificationState
    yield forgetting.BEGUN, forgetting.Begun
    yield forgetting.RECORD, forgetting.Record
