"""Which export was delivered last, so that the next change file misses no change.

The exported people are stored as `exported/<id>/people.parquet` in the organization's folder of the lake:
the day may be published again, or deleted by retention, before the next export is delivered.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.config.locations import EXPORTED
from opensense_okta.config.models import Organization
from opensense_okta.publishing.published import published
from opensense_okta.resolution.people_rules import PEOPLE, LeftOutPeople
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.state_files import IfDamaged, SeenState, seen_state, write_state
from opensense_okta.storage.store import Version

STATE = "exported.json"
ADDRESSES = "addresses.parquet"

Rows = Literal["person", "alias"]
"""What a row of people is: a person, or an e-mail address of a person."""


@dataclass(frozen=True)
class GroupTables:
    """The local files of the groups of an export.

    Attributes:
        as_files: whether groups and memberships are delivered as files, not only as a column.
    """

    memberships: Path
    groups: Path
    as_files: bool


@dataclass(frozen=True)
class ExportTables:
    """The local files of an export.

    Attributes:
        people: those that are exported, if they are active.
        groups: None: no groups are exported.
        rows: what a row of people is.
        addresses: the addresses that have rows; None: they are those of the people.
    """

    people: Path
    groups: GroupTables | None
    rows: Rows
    addresses: Path | None


class LeftOutGroups(BaseModel):
    """How many groups were left out of an export, and the ids of some.

    Attributes:
        unmatched_patterns: the patterns of the organization file that no group of the day matches.
    """

    model_config = ConfigDict(frozen=True)

    count: int = 0
    examples: tuple[str, ...] = ()
    unmatched_patterns: tuple[str, ...] = ()


class LeftOutAddresses(BaseModel):
    """How many e-mail addresses of exported people have no row.

    Attributes:
        emails_of_others: aliases that are the e-mail of another person.
        aliases_of_several: aliases that several people have.
        people_without_address: people without any row.
    """

    model_config = ConfigDict(frozen=True)

    emails_of_others: int = 0
    aliases_of_several: int = 0
    people_without_address: int = 0


class DeliveredExport(BaseModel):
    """A delivered export: the id of the published tables, the headers, and the column of each header.

    Attributes:
        memberships: the file with the exported memberships; empty: none were exported.
        group_files: whether groups and memberships were delivered as files.
        left_out: the groups whose names identify no group.
        rows: what a row of people is.
        addresses_left_out: the addresses without a row.
        people_file: the file with the exported people.
        people_left_out: the active people whom `publish.people` left out.
    """

    model_config = ConfigDict(frozen=True)

    day: date
    id: str
    headers: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    memberships: str = ""
    group_files: bool = False
    left_out: LeftOutGroups = LeftOutGroups()
    rows: Rows = "person"
    addresses_left_out: LeftOutAddresses = LeftOutAddresses()
    people_file: str = PEOPLE
    people_left_out: LeftOutPeople = LeftOutPeople()

    def column_of_header(self) -> dict[str, str]:
        """The column that each header had."""
        # Before version 0.2 a header was the name of its column and the suffix.
        names = self.columns or [header.partition("-")[0] for header in self.headers]
        return dict(zip(self.headers, names, strict=True))

    def people(self, lake: Lake) -> Path:
        """The local file of the people that were exported; it may be missing."""
        return local_file(lake.store, exported_name(self.id, self.people_file))

    def tables(self, lake: Lake) -> ExportTables:
        """The local files of the export; some may be missing."""
        return ExportTables(
            self.people(lake), self.group_tables(lake), self.rows, self.addresses(lake)
        )

    def addresses(self, lake: Lake) -> Path | None:
        """The local file of their addresses; None: each person had one row, or the file is missing."""
        if self.rows == "person":
            return None
        addresses = local_file(lake.store, exported_name(self.id, ADDRESSES))
        return addresses if addresses.exists() else None

    def group_tables(self, lake: Lake) -> GroupTables | None:
        """The local files of their groups; None: no groups were exported, or a file is missing."""
        if not self.memberships:
            return None
        memberships, groups = (
            local_file(lake.store, exported_name(self.id, file))
            for file in (self.memberships, groups_beside(self.memberships))
        )
        if not memberships.exists() or (self.group_files and not groups.exists()):
            return None
        return GroupTables(memberships, groups, self.group_files)


class ExportState(BaseModel):
    """The last delivered export, and the export of an earlier day that its changes refer to."""

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "The next export is complete, and its change file has everyone as added.",
        "nothing, if the readers of the change file accept that; else restore the file from a backup before"
        " the next sync.",
    )

    delivered: DeliveredExport = Field(validation_alias=AliasChoices("delivered", "told"))
    before: DeliveredExport | None


def groups_beside(memberships: str) -> str:
    """The file with the groups of stored memberships."""
    return memberships.replace("memberships", "groups")


def exported_name(published_id: str, file: str) -> str:
    """The name of a file of an exported publication."""
    return f"{EXPORTED}/{published_id}/{file}"


def last_export(lake: Lake) -> ExportState | None:
    """The state after the last delivered export; None: there was none, or the file is damaged."""
    return seen_export(lake).content


def seen_export(lake: Lake) -> SeenState[ExportState]:
    """The state after the last delivered export, and the version over which the next one is written."""
    return seen_state(lake.store, STATE, ExportState)


def record_export(lake: Lake, state: ExportState, over: Version) -> None:
    """Stores the state, and deletes the people of exports that no change file refers to any more.

    Raises:
        Changed: another process recorded an export since the version `over`.
    """
    needed = {delivered.id for delivered in (state.delivered, state.before) if delivered}
    # Listed before: a process that is stopped after its write must not delete what the next one exports.
    stored = lake.store.children(EXPORTED)
    write_state(lake.store, STATE, state, over)
    for published_id in stored:
        if published_id not in needed:
            entries = lake.store.entries(f"{EXPORTED}/{published_id}")
            lake.store.remove([entry.name for entry in entries])


def export_pending(organization: Organization, lake: Lake) -> bool:
    """Whether the published day should be exported and its export was not delivered."""
    last, now = last_export(lake), published(lake)
    if organization.publish.csv is None or now is None:
        return False
    return last is None or last.delivered.id != now.id


def people_left_out(lake: Lake) -> tuple[LeftOutPeople, LeftOutPeople | None]:
    """Who was left out of the last delivered export, and of that of an earlier day; None: there is none."""
    last = last_export(lake)
    if last is None:
        return LeftOutPeople(), None
    return last.delivered.people_left_out, last.before.people_left_out if last.before else None
