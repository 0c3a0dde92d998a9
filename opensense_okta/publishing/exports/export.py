"""Exports the published day to the path or URL in the organization file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from opensense_okta.config.locations import DAY, LAKES_OWN, LOCAL, SSH
from opensense_okta.config.models import CsvExport, Organization
from opensense_okta.publishing.exports.addresses import keep_addresses
from opensense_okta.publishing.exports.columns import headers_of
from opensense_okta.publishing.exports.delivery import (
    SeenFile,
    deliver,
    deliver_into_lake,
    public,
)
from opensense_okta.publishing.exports.errors import ExportFailed, failure_of
from opensense_okta.publishing.exports.files import file_names, sha256, write_files
from opensense_okta.publishing.exports.groups import keep_groups, refuse_emptied_groups
from opensense_okta.publishing.exports.kept_people import keep_people
from opensense_okta.publishing.exports.state import (
    STATE,
    DeliveredExport,
    ExportState,
    ExportTables,
    GroupTables,
    record_export,
    seen_export,
)
from opensense_okta.publishing.guards.exported import refuse_unjudged_loss
from opensense_okta.publishing.published import published
from opensense_okta.resolution.people_rules import people_file
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import PUBLISHED
from opensense_okta.storage.store import Changed, Version

ALIASES = {"s3a": "s3", "gcs": "gs", "abfs": "abfss"}
"""Other schemes of the URLs of the same stores."""

NO_VERSIONS: Final[Mapping[str, Version]] = MappingProxyType({})


@dataclass(frozen=True)
class ExportResult:
    """A file of an export.

    Attributes:
        what: `people`, `changes`, `parquet`, `groups`, `group_changes`, `memberships`,
            `membership_changes` or `checksums`.
        url: its path or URL, without credentials.
        rows: the number of rows, without the header.
    """

    what: str
    url: str
    rows: int
    bytes: int
    sha256: str


def export_published(organization: Organization, lake: Lake, day: date) -> list[ExportResult]:
    """Writes the exports of a day, if it is the published one and exports are wanted.

    The change file refers to the last earlier day whose export was delivered. So it also contains the
    changes of days that could not be delivered. If a day is exported again, the file contains all its
    changes again, and the people whose exported values differ from the day's previous export.

    Raises:
        ExportFailed: no incomplete file is left; the day stays published.
        Changed: another process published or exported since this one began.
    """
    settings = organization.publish.csv
    if settings is None:
        return []
    versions = {name: lake.store.version(name) for name in (PUBLISHED, STATE)}
    now = published(lake)
    if now is None or now.day != day:
        return []
    seen = seen_export(lake)
    last = seen.content
    again = last.delivered if last and last.delivered.day == day else None
    before = last.before if last and again else last.delivered if last else None
    with failure_of(organization.name):
        refuse_unjudged_loss(organization, lake, now)
        people, left_out = keep_people(organization, lake, now)
        kept = keep_groups(organization, lake, now)
        refuse_emptied_groups(lake, now, kept, again or before)
        addresses_left_out = keep_addresses(organization, lake, now, people)
    headers = headers_of(organization)
    delivered = DeliveredExport(
        day=day,
        id=now.id,
        headers=tuple(headers.values()),
        columns=tuple(headers),
        memberships=kept.memberships,
        group_files=kept.as_files,
        left_out=kept.left_out,
        rows=settings.rows,
        addresses_left_out=addresses_left_out,
        people_file=people_file(organization.publish.people),
        people_left_out=left_out,
    )
    groups, addresses = delivered.group_tables(lake), delivered.addresses(lake)
    files = export(
        organization,
        lake,
        people,
        day,
        groups,
        addresses=addresses,
        before=before,
        again=again,
        versions=versions,
    )
    record_export(lake, ExportState(delivered=delivered, before=before), seen.version)
    return files


def export(
    organization: Organization,
    lake: Lake,
    people: Path,
    day: date,
    groups: GroupTables | None = None,
    *,
    addresses: Path | None = None,
    before: DeliveredExport | None,
    again: DeliveredExport | None = None,
    versions: Mapping[str, Version] = NO_VERSIONS,
) -> list[ExportResult]:
    """Writes the exported people of a published day to the path or URL in the organization file.

    If the same day is exported again, the files are the same byte for byte.

    Args:
        organization: its `publish.csv` has the path and the columns; without it nothing is exported.
        lake: the lake of the organization; relative paths start at its folder.
        people: the day's exported people.
        day: the published day.
        groups: the exported groups, if groups are exported.
        addresses: the addresses that have rows with `rows: alias`; None: they are those of the people.
        before: the last export of an earlier day; None: there is none, so all people are new.
        again: the previous export of the same day, which this one replaces.
        versions: of files of the lake, which must be stored when the files are delivered.

    Raises:
        ExportFailed: the files could not be made or delivered; the old files stay.
        Changed: another version is stored, or another process delivered files into the lake meanwhile.
    """
    settings = organization.publish.csv
    if settings is None:
        return []
    with failure_of(organization.name):
        folder, name = _place(settings, lake, day)
        replaced = _replaced(lake, folder, name)
        with TemporaryDirectory(prefix=".export-", dir=lake.scratch) as temporary:
            files = write_files(
                lake,
                Path(temporary) / name,
                headers_of(organization),
                ExportTables(people, groups, settings.rows, addresses),
                before=_if_stored(lake, before),
                again=_if_stored(lake, again),
            )
            results = _results(files, folder)
            made = [file for file, _ in files.values()]
            _require(lake, versions)
            if replaced:
                deliver_into_lake(made, lake.store, replaced)
            else:
                deliver(made, folder)
            return results


def _results(files: Mapping[str, tuple[Path, int]], folder: str) -> list[ExportResult]:
    return [
        ExportResult(
            what=what,
            url=f"{public(folder)}/{file.name}",
            rows=rows,
            bytes=file.stat().st_size,
            sha256=sha256(file),
        )
        for what, (file, rows) in files.items()
    ]


def _replaced(lake: Lake, folder: str, name: str) -> dict[str, SeenFile]:
    """The files in the lake's object store that the export can replace, by the name in the folder.

    None if the folder is elsewhere: other stores, and folders, compare no versions.
    """
    if lake.store.is_local or not folder.startswith(lake.url()):
        return {}
    in_lake = folder.removeprefix(lake.url()).lstrip("/")
    seen = {}
    for file in file_names(Path(name)).values():
        stored = f"{in_lake}/{file.name}".lstrip("/")
        seen[file.name] = SeenFile(stored, lake.store.version(stored))
    return seen


def _require(lake: Lake, versions: Mapping[str, Version]) -> None:
    """Refuses to go on if another process stored one of the files: it has lost its lock.

    Raises:
        Changed: another version is stored.
    """
    for name, version in versions.items():
        if lake.store.version(name) != version:
            raise Changed(lake.url(name))


def _if_stored(lake: Lake, delivered: DeliveredExport | None) -> DeliveredExport | None:
    return delivered if delivered and delivered.people(lake).exists() else None


def _place(settings: CsvExport, lake: Lake, day: date) -> tuple[str, str]:
    """The folder and the name of the CSV."""
    folder, _, name = settings.path.replace(DAY, day.isoformat()).rpartition("/")
    if "://" not in folder and not Path(folder).is_absolute():
        folder = lake.url(folder)
    _refuse_the_lakes_own(folder, lake)
    if "://" not in folder:
        return folder, name
    url = urlsplit(folder)
    # The URL of an object store is used as it is, without percent-decoding.
    return folder, unquote(name) if url.scheme in (*LOCAL, *SSH) else name


def _refuse_the_lakes_own(folder: str, lake: Lake) -> None:
    """Refuses folders of the lake; an absolute path, a symbolic link or a URL may lead there."""
    place, home = _real_place(folder), _real_place(lake.url())
    within = (
        place.relative_to(home.parent).parts if place.is_relative_to(home.parent) else (home.name,)
    )
    if within[:1] != (home.name,) or within[1:2] in {(own,) for own in LAKES_OWN}:
        url = urlsplit(folder)
        shown = unquote(url.path) if url.scheme in LOCAL else public(folder)
        raise ExportFailed(
            f"The export's path leads to {shown}, where the lake keeps its own files or another"
            " organization's.",
            remedy="name a folder of this organization in publish.csv.path, such as exports/people.csv,"
            " or one outside of OPENSENSE_DATA.",
        )


def _real_place(folder: str) -> PurePath:
    """A folder of this machine without links, or `/s3/bucket/folder` of an object store."""
    url = urlsplit(folder)
    if "://" not in folder:
        return Path(folder).resolve()
    if url.scheme in LOCAL:
        return Path(unquote(url.path)).resolve()
    scheme = ALIASES.get(url.scheme, url.scheme)
    return PurePosixPath("/", scheme, url.netloc, url.path.lstrip("/"))
