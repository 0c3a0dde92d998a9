"""The keys of an organization's YAML file, each with its type, default and meaning.

`docs/organization-file.md` is generated from the docstrings of this module and `directory_models.py`.
A file is checked in two steps, and all mistakes are reported at once: the models say what each value
may be, `consistency.py` what is wrong between keys.

Secrets are not in the file. It says where each secret is stored; a run reads it when it needs it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from opensense_okta.config.directory_models import Directory
from opensense_okta.config.locations import export_path
from opensense_okta.config.schedule import (
    daily_ticks,
    format_ticks,
    largest_gap,
    moment_of,
    refuse_lost_ticks,
)
from opensense_okta.config.secret import Secret, Section
from opensense_okta.config.values import (
    Accounts,
    AllOrPatterns,
    AtLeastOne,
    AttributePatterns,
    Columns,
    Count,
    Flag,
    Names,
    Owners,
    Percent,
    Text,
    no_duplicates,
    not_empty,
    valid_attribute_name,
    valid_day,
    valid_directory_name,
    valid_name,
    valid_time_zone,
)
from opensense_okta.config.yaml_file import Location


class AttributeRule(Section):
    """How directories that disagree on one attribute are resolved."""

    precedence: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """The directories whose value wins, highest first. Others follow in the order of the file."""

    blank: Literal["falls_through", "wins"] = "falls_through"
    """What a directory without a value does: the next one decides, or the attribute stays empty."""

    merge: Literal["union"] | None = None
    """`union`: the attribute is a list with the values of all directories."""

    format: Literal["as_written", "international", "national", "e164"] = "as_written"
    """How phone numbers are written. A number that cannot be read stays as it is."""


class GroupRules(Section):
    """How groups of several directories become one."""

    merge_by: Literal["name"] | None = None
    """`name`: groups with the same name become one group. Without it, every group stays separate."""


RENAMED: Mapping[Location, str] = {
    ("resolution", "pin"): "always_same",
    ("resolution", "part"): "never_same",
    ("resolution", "when_stale", "hold"): "use",
    ("resolution", "when_stale", "yield"): "lowest",
    ("resolution", "inactive_accounts", "yield"): "lowest",
}
"""Keys, and values of keys, that version 0.1 had under other names: a file with one is refused."""


class Resolution(Section):
    """How accounts become people."""

    match: Names = ("email",)
    """Attributes that join accounts: accounts with an equal value are one person. From strong to weak."""

    attributes: dict[Annotated[str, AfterValidator(valid_attribute_name)], AttributeRule] = Field(
        default_factory=dict
    )
    """Rules for single attributes. For `active`, only `precedence` is possible."""

    inactive_accounts: Literal["lowest", "ignore", "equal"] = "lowest"
    """Whether values of inactive accounts count last, not at all, or like those of any other account."""

    always_same: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) that are always one person."""

    never_same: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) of which no two are the same person."""

    groups: GroupRules = GroupRules()

    stale_after_days: AtLeastOne = 3
    """A directory's newest snapshot is stale if it is older than this number of days."""

    when_stale: Literal["use", "lowest", "fail"] = "use"
    """A stale snapshot is used with a warning, has the lowest precedence, or lets the day fail."""


class RemovedGuard(Section):
    """How many active people may be removed. A day is held back beyond count and percent, or max."""

    count: Count = 10
    """The number of people."""

    percent: Percent = 5
    """Their share, in percent."""

    max: AtLeastOne = 500
    """The number beyond which the share does not matter."""


class BlankedGuard(Section):
    """How many values of an attribute may become blank. A day is held back beyond both limits."""

    count: Count = 10
    """The number of values that become blank."""

    percent: Percent = 10
    """Their share, in percent."""


class RewrittenGuard(Section):
    """How many values of an attribute may be rewritten. A day is held back beyond both limits."""

    count: Count = 10
    """The number of values that are rewritten."""

    percent: Percent = 30
    """Their share, in percent."""


class DirectoryGuards(Section):
    """The limits for the accounts of one directory. A limit that is not given is the organization's."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()


class Guards(Section):
    """The limits that are checked before the published directory is replaced."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()

    directories: dict[str, DirectoryGuards] = Field(default={})
    """Other limits for single directories."""

    def of(self, directory: str) -> DirectoryGuards:
        """The limits for one directory: each is its own, or else the organization's."""
        ours = self.model_dump(exclude={"directories"})
        own = self.directories.get(directory, DirectoryGuards()).model_dump(exclude_unset=True)
        return DirectoryGuards.model_validate(
            {name: ours[name] | own.get(name, {}) for name in ours}
        )


class CsvExport(Section):
    """A CSV of the published people."""

    path: Annotated[Text, AfterValidator(export_path)]
    """A path, relative to the organization's folder of the lake, or any URL; `{date}` is the day."""

    columns: Columns | None = None
    """The columns in their order: a list, or a mapping of columns to headers. Without it, all attributes."""

    locked: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """Columns whose header says that users may not edit the value."""

    unlocked: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """Columns whose header says that users may edit the value."""

    groups: AllOrPatterns = None
    """`true`, or names or ids where `*` matches any characters: groups exported with their members."""

    group_names: Literal["as_written", "opensense"] = "as_written"
    """`opensense`: names of groups have only a-z, 0-9 and `_`: accents become letters, all else `_`."""

    rows: Literal["person", "alias"] = "person"
    """`person`: one row for each person. `alias`: one row for each e-mail address, aliases included."""


class ExportedPeople(Section):
    """Which active people are exported. Without a key, all of them. The database has everyone."""

    groups: Names | None = None
    """Members of one of these groups: names where `*` matches any characters, or ids."""

    include: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. Of each attribute a value must match."""

    exclude: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. One match leaves the person out."""


class Publish(Section):
    """What is written beside the published database."""

    people: ExportedPeople = ExportedPeople()

    csv: CsvExport | None = None


class Retention(Section):
    """How long data is kept that the published directory does not need. Without it, forever."""

    days: AtLeastOne | None = None
    """The number of days that resolved days, reports and dated exports in the lake are kept."""

    snapshots: AtLeastOne | None = None
    """The number of days with snapshots that are kept of each directory."""


DEFAULT_OWNERS = ("team:directory",)


class Organization(Section):
    """One company. The name of the file is the name of the organization."""

    name: Annotated[str, AfterValidator(valid_name)]

    timezone: Annotated[str, AfterValidator(valid_time_zone)]
    """The IANA time zone in which the organization's days begin and end."""

    first_day: Annotated[date, BeforeValidator(valid_day)]
    """The first day that can be synced."""

    schedule: str = Field(default="0 2 * * *", validate_default=True)
    """When syncs start: five cron fields with one or more ticks in each local day, which each syncs again.

    Kept as `MINUTES HOURS * * *`, whichever way it was written.
    """

    enabled: Flag = True
    """Whether the schedule is on from the beginning."""

    owners: Owners = DEFAULT_OWNERS
    """Who owns the assets, as Dagster shows it: `team:NAME` or e-mail addresses."""

    directories: Annotated[
        dict[
            Annotated[str, AfterValidator(valid_directory_name)],
            Annotated[Directory, Field(discriminator="kind")],
        ],
        AfterValidator(not_empty),
    ]
    """The directories by name. Their order is the default precedence, highest first."""

    resolution: Resolution = Resolution()
    guards: Guards = Guards()
    publish: Publish = Publish()
    retention: Retention = Retention()

    notify: tuple[Secret, ...] = ()
    """Who is notified: apprise URLs, which are secrets."""

    @field_validator("schedule")
    @classmethod
    def _ticks_every_day(cls, schedule: str, info: ValidationInfo) -> str:
        first_day = info.data.get("first_day", date(2026, 1, 1))
        ticks = daily_ticks(schedule, first_day)
        if "timezone" in info.data:
            refuse_lost_ticks(ticks, ZoneInfo(info.data["timezone"]), first_day)
        return format_ticks(ticks)

    @property
    def zone(self) -> ZoneInfo:
        """The organization's time zone."""
        return ZoneInfo(self.timezone)

    def today(self, now: datetime) -> date:
        """The organization's local day at a moment.

        Raises:
            ValueError: The moment has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("a moment without a time zone is on no certain day")
        return now.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """The first moment of the next local day, in UTC."""
        return datetime.combine(day + timedelta(days=1), time.min, self.zone).astimezone(UTC)

    @property
    def ticks(self) -> tuple[time, ...]:
        """The local times at which the schedule ticks each day, the earliest first."""
        return daily_ticks(self.schedule, self.first_day)

    @property
    def largest_gap(self) -> timedelta:
        """The longest time between two ticks, on a day of 24 hours."""
        return largest_gap(self.ticks)[1]

    @property
    def quiet_time(self) -> time:
        """A local time far from every tick: an hour after the one before the longest gap, if that fits."""
        begin, gap = largest_gap(self.ticks)
        quiet = datetime.combine(date.min, begin) + min(timedelta(hours=1), gap / 2)
        return quiet.time().replace(second=0)

    @property
    def schedule_warning(self) -> str:
        """A sentence if the schedule ticks in the last hour before midnight; else empty."""
        last = self.ticks[-1]
        if last.hour < 23:
            return ""
        sync = "sync" if len(self.ticks) == 1 else "last sync of a day"
        return (
            f"the schedule starts the {sync} at {last:%H:%M}, in the last hour before midnight. Two hours"
            " after midnight neither the sync nor a retry can read the day any more."
        )

    def next_sync(self, after: datetime) -> datetime:
        """When the first sync after a moment starts, in the organization's time zone.

        Raises:
            ValueError: The moment has no time zone.
        """
        today = self.today(after)
        # A tick of yesterday may be today: where clocks skip its hour, it is after that hour.
        days = (today + timedelta(days=later) for later in range(-1, 3))
        moments = (moment_of(day, tick, self.zone) for day in days for tick in self.ticks)
        # In UTC: moments of one zone compare by their clock faces, even where an hour comes twice.
        start = min(moment for moment in moments if moment > after.astimezone(UTC))
        return start.astimezone(self.zone)
