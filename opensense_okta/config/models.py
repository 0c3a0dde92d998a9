"""What an organization's YAML file may say, and what each key means.

The file is the contract between the people who connect a company and this program: every key is
here with its type, its default and its meaning. A file is judged in two steps, and all that is
wrong with it is told at once: the models below say what each value may be, `organization_rules`
what the keys must say together.

Secrets are not in the file. It says where each one lies, and a run looks there when it needs it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from opensense_okta.config.export_path import export_path
from opensense_okta.config.schedule import daily_tick, moment_of, refuse_lost_ticks
from opensense_okta.config.secret import Secret, Section
from opensense_okta.config.values import (
    Accounts,
    AtLeastOne,
    Attributes,
    Count,
    Files,
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
    valid_encoding,
    valid_guid,
    valid_loopback_origin,
    valid_name,
    valid_okta_endpoint,
    valid_single_character,
    valid_tenant,
    valid_time_zone,
)
from opensense_okta.config.yaml_file import Location


class Scope(Section):
    """Which part is read: users in a matching group, those groups, memberships between them."""

    groups: Names | None = None
    """Group names, `*` for any characters; None: all groups."""

    statuses: (
        Annotated[
            tuple[
                Literal[
                    "STAGED",
                    "PROVISIONED",
                    "ACTIVE",
                    "RECOVERY",
                    "PASSWORD_EXPIRED",
                    "LOCKED_OUT",
                    "SUSPENDED",
                    "DEPROVISIONED",
                ],
                ...,
            ],
            AfterValidator(not_empty),
            AfterValidator(no_duplicates),
        ]
        | None
    ) = None
    """Okta's user statuses; None: all."""


class EntraScope(Section):
    """Which part is read: users in a matching group, those groups, memberships between them."""

    groups: Names | None = None
    """Group names, `*` for any characters; None: all groups."""


class OktaDirectory(Section):
    """An Okta organization. Credentials are `api_token`, or `client_id` with `private_key`."""

    kind: Literal["okta"]

    endpoint: Annotated[str, AfterValidator(valid_okta_endpoint)]
    """The origin of its API, such as https://acme.okta.com; plain HTTP on loopback only."""

    api_token: Secret | None = None

    client_id: Text | None = None
    """The service app's, for OAuth 2.0 with a private key."""

    private_key: Secret | None = None
    """The service app's, as PEM or JWK."""

    key_id: Text | None = None
    """Which of the app's keys `private_key` is, where the key does not say so itself."""

    rate_limit_share: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1)] = 0.5
    """How much of what the API's own headers allow may be used; the rest is for other clients."""

    memberships: Literal["incremental", "full"] = "incremental"
    """Whether only changed groups' members are read, or those of all groups every day."""

    full_read_days: AtLeastOne = 7
    """After how many days an incremental read is a full one."""

    scope: Scope = Scope()

    store_profile: Literal["all", "mapped"] = "all"
    """Whether whole profiles are stored, or only the attributes that are mapped."""

    attributes: Attributes = Field(default={})
    """Attribute name to profile attribute; adds to Okta's table or overrides it."""


class EntraDirectory(Section):
    """A Microsoft Entra tenant. Credentials are `client_secret` or `certificate`."""

    kind: Literal["entra"]

    tenant_id: Annotated[str, AfterValidator(valid_tenant)]
    """The tenant's GUID or one of its domains."""

    client_id: Annotated[str, AfterValidator(valid_guid)]
    """The registered application's."""

    client_secret: Secret | None = None

    certificate: Secret | None = None
    """The application's certificate with its private key, as PEM."""

    cloud: Literal["global", "us_gov", "us_gov_dod", "china"] = "global"
    """Microsoft's cloud: us_gov is L4 (GCC High), us_gov_dod is L5 (DoD), china is 21Vianet's."""

    authority: Annotated[str, AfterValidator(valid_loopback_origin)] | None = None
    """For development: where tokens come from, instead of the cloud's own."""

    graph: Annotated[str, AfterValidator(valid_loopback_origin)] | None = None
    """For development: where Microsoft Graph is, instead of the cloud's own."""

    scope: EntraScope = EntraScope()

    attributes: Attributes = Field(default={})
    """Attribute name to field of a Graph user; adds to Entra's table or overrides it."""


class CsvDirectory(Section):
    """Files with a header line, as HR exports them."""

    kind: Literal["csv"]

    users: Files
    groups: Files | None = None
    memberships: Files | None = None

    id: Text = "id"
    """The column that identifies a row of `users`."""

    delimiter: Annotated[str, AfterValidator(valid_single_character)] | None = None
    """What separates columns; None: what the header line shows."""

    encoding: Annotated[str, AfterValidator(valid_encoding)] | None = None
    """The files' text encoding; None: UTF-8, with or without a byte order mark."""

    attributes: Attributes = Field(default={})
    """Attribute name to column; a column named as an attribute needs no mapping."""


Directory = OktaDirectory | EntraDirectory | CsvDirectory


class AttributeRule(Section):
    """How directories that disagree on one attribute are resolved."""

    precedence: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """Whose value wins, highest first; directories not listed follow in the file's order."""

    blank: Literal["falls_through", "wins"] = "falls_through"
    """Whether a directory without a value leaves the word to the next one, or says: no value."""

    merge: Literal["union"] | None = None
    """`union`: the attribute is a list, of the values of all directories."""


class GroupRules(Section):
    """How groups of several directories become one."""

    merge_by: Literal["name"] | None = None
    """`name`: groups of one name are one group; None: every group stays its own."""


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
    """Attributes by which accounts are one person's, tried in order."""

    attributes: dict[Annotated[str, AfterValidator(valid_attribute_name)], AttributeRule] = Field(
        default_factory=dict
    )
    """Rules for single attributes; `active` takes `precedence` only."""

    inactive_accounts: Literal["lowest", "ignore", "equal"] = "lowest"
    """Whether values of inactive accounts count last, not at all, or like those of any other account."""

    always_same: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) that are always one person."""

    never_same: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) that are never one person, no two of them."""

    groups: GroupRules = GroupRules()

    stale_after_days: AtLeastOne = 3
    """From how many days on a directory's newest snapshot counts as stale if it is older."""

    when_stale: Literal["use", "lowest", "fail"] = "use"
    """A stale snapshot is used with a warning, has the lowest precedence, or lets the day fail."""


class RemovedGuard(Section):
    """How many active people may be gone or inactive: held beyond count and percent, or max."""

    count: Count = 10
    percent: Percent = 5
    max: AtLeastOne = 500


class BlankedGuard(Section):
    """How many of an attribute's filled values may become blank: held beyond both."""

    count: Count = 10
    percent: Percent = 10


class RewrittenGuard(Section):
    """How many of an attribute's filled values may become others: held beyond both."""

    count: Count = 10
    percent: Percent = 30


class DirectoryGuards(Section):
    """The limits for what one directory alone may change, as far as they are not the organization's."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()


class Guards(Section):
    """The limits that publishing judges before it replaces the published directory."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()

    directories: dict[str, DirectoryGuards] = Field(default={})
    """Other limits for single directories; what is not given there is as above."""

    def of(self, directory: str) -> DirectoryGuards:
        """The limits for one directory alone: number by number its own, or else the organization's."""
        ours = self.model_dump(exclude={"directories"})
        own = self.directories.get(directory, DirectoryGuards()).model_dump(exclude_unset=True)
        return DirectoryGuards.model_validate(
            {name: ours[name] | own.get(name, {}) for name in ours}
        )


class CsvExport(Section):
    """A CSV of the published people."""

    path: Annotated[Text, AfterValidator(export_path)]
    """A path, relative to the organization's folder of the lake, or any URL; `{date}` is the day."""

    columns: Names | None = None
    """The columns and their order; None: all."""

    locked: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """Columns whose header says that users may not edit the value."""

    unlocked: Annotated[tuple[Text, ...], AfterValidator(no_duplicates)] = ()
    """Columns whose header says that users may edit the value."""


class Publish(Section):
    """What is made beside the published database."""

    csv: CsvExport | None = None


class Retention(Section):
    """For how long what the published directory does not need is kept; None: for ever."""

    days: AtLeastOne | None = None
    """Resolved days."""

    snapshots: AtLeastOne | None = None
    """Days of snapshots."""


DEFAULT_OWNERS = ("team:directory",)


class Organization(Section):
    """One company: everything its file says. The file's name is the organization's."""

    name: Annotated[str, AfterValidator(valid_name)]

    timezone: Annotated[str, AfterValidator(valid_time_zone)]
    """The IANA time zone in which the organization's days begin and end."""

    first_day: Annotated[date, BeforeValidator(valid_day)]
    """The first day there is a directory of."""

    schedule: str = Field(default="0 2 * * *", validate_default=True)
    """When the day's sync starts: five cron fields that tick once in each local day.

    Kept as `MINUTE HOUR * * *`, whichever way it was written.
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
    """By name, in the order of their default precedence, highest first."""

    resolution: Resolution = Resolution()
    guards: Guards = Guards()
    publish: Publish = Publish()
    retention: Retention = Retention()

    notify: tuple[Secret, ...] = ()
    """Where news of the syncs goes: apprise URLs, which are secrets."""

    @field_validator("schedule")
    @classmethod
    def _ticks_once_a_day(cls, schedule: str, info: ValidationInfo) -> str:
        first_day = info.data.get("first_day", date(2026, 1, 1))
        tick = daily_tick(schedule, first_day)
        if "timezone" in info.data:
            refuse_lost_ticks(tick, ZoneInfo(info.data["timezone"]), first_day)
        return f"{tick.minute} {tick.hour} * * *"

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

    def next_sync(self, after: datetime) -> datetime:
        """When the first sync after a moment starts, in the organization's time zone.

        Raises:
            ValueError: The moment has no time zone.
        """
        day = self.today(after)
        minute, hour, *_ = self.schedule.split()
        tick = time(int(hour), int(minute))
        moments = (moment_of(day + timedelta(days=later), tick, self.zone) for later in range(3))
        # In UTC: moments of one zone compare by their clock faces, even where an hour comes twice.
        start = next(moment for moment in moments if moment > after.astimezone(UTC))
        return start.astimezone(self.zone)
