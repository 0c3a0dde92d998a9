"""Stores the exported people of a publication, before they are exported."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from opensense_okta.config.models import ExportedPeople, Organization
from opensense_okta.publishing.exports.errors import making_files
from opensense_okta.publishing.exports.state import exported_name
from opensense_okta.publishing.published import Published
from opensense_okta.resolution.people_rules import (
    EVERYONE,
    LeftOutPeople,
    count_left_out,
    find_exported,
    people_file,
)
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import local_file

TABLES = ("people", "groups", "memberships")


def keep_people(
    organization: Organization, lake: Lake, publication: Published
) -> tuple[Path, LeftOutPeople]:
    """Stores the people of a publication who are exported: the file, and how many are left out.

    Raises:
        ExportFailed: the file could not be made.
    """
    rules, day = organization.publish.people, lake.resolved(publication.day)
    kept = people_file(rules)
    name = exported_name(publication.id, kept)
    if rules == EVERYONE:
        lake.store.copy(day.table_name(publication.id, "people"), name, lake.store.version(name))
        return local_file(lake.store, name), LeftOutPeople()
    with TemporaryDirectory(prefix=".export-", dir=lake.scratch) as temporary:
        file = Path(temporary) / kept
        left_out = write_people(file, rules, lambda table: day.table(publication, table))
        lake.store.keep(file, name, lake.store.version(name))
    return local_file(lake.store, name), left_out


def write_people(file: Path, rules: ExportedPeople, table: Callable[[str], Path]) -> LeftOutPeople:
    """Writes the exported people of a day's tables into a file; returns how many are left out.

    Raises:
        ExportFailed: the file could not be made.
    """
    folder = file.parent
    with making_files(folder), engine.start(folder) as connection:
        for name in TABLES:
            engine.view(connection, f"new_{name}", table(name))
        find_exported(connection, rules, "new")
        engine.store(connection, "new_exported", file)
        return count_left_out(connection, "new")
