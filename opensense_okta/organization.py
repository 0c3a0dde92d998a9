"""What an organization's YAML file may say, and what each key means.

The file is the contract between the people who connect a company and this program: every key is
here with its type, its default and its meaning. A file is judged in two steps, and all that is
wrong with it is told at once: the models below say what each value may be, `organization_rules`
what the keys must say together.

Secrets are not in the file. It says where each one lies, and a run looks there when it needs it.
"""

import os
import re
from collections import Counter
from collections.abc import Sized
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from opensense_okta.export_path import export_path
from opensense_okta.organization_file import (
    Document,
    Finding,
    Mistake,
    OrganizationFileError,
    did_you_mean,
    findings_of,
    read_document,
)
from opensense_okta.organization_rules import (
    STANDARD_ATTRIBUTES,
    contradictions,
)
from opensense_okta.schedule import daily_tick, moment_of, refuse_lost_ticks

__all__ = [
    "STANDARD_ATTRIBUTES",
    "AttributeRule",
    "CsvDirectory",
    "CsvExport",
    "Directory",
    "DirectoryGuards",
    "EntraDirectory",
    "Guards",
    "Mistake",
    "OktaDirectory",
    "Organization",
    "OrganizationFileError",
    "OrganizationsFolderMissing",
    "Publish",
    "Resolution",
    "Retention",
    "Scope",
    "Secret",
    "SecretMissing",
    "load_organization",
    "load_organizations",
]


_OWN_COLUMNS = (
    "person_id",
    "directories",
    "accounts",
    "manager_id",
    "id",
    "directory",
    "status",
    "valid_from",
    "valid_to",
    "change",
)
"""Columns of people, accounts, people_history and the exported changes that no attribute may take."""

_SCHEMA_NAMES = ("main", "information_schema", "pg_catalog", "temp", "system", "directory")
"""DuckDB's own schemas and catalogs, and `directory`, the published database's own name: in all of
them `NAME.table` is taken or ambiguous, and a directory's tables lie in the schema of its name."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[::1\])(:(?P<port>[0-9]{1,5}))?/*"
)
_HOST = re.compile(r"(https?:/*)?(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)+)([/?#:].*)?", re.DOTALL)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


Values = TypeVar("Values", bound=Sized)

_FIRST_DAYS = (date(1970, 1, 1), date(2199, 12, 31))
"""Wider than any use, and narrow enough that no arithmetic on days leaves the calendar."""


class SecretMissing(Exception):
    """A secret is not where the file says; the words name the place, never a value."""


class OrganizationsFolderMissing(Exception):
    """The folder that should hold the organizations' files is not there."""


# What a single value may be: each function returns it, or says in a ValueError what is allowed.


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("is not a possible name; use a-z, 0-9 and _, beginning with a letter")
    return value


def _directory_name(value: str) -> str:
    if value in _SCHEMA_NAMES:
        raise ValueError("is a name the database needs itself; choose another for the directory")
    return _name(value)


def _attribute_name(value: str) -> str:
    if value in _OWN_COLUMNS:
        raise ValueError("is a column of its own; choose another name for the attribute")
    return _name(value)


def _account_name(value: str) -> str:
    directory, slash, account = value.partition("/")
    if not (directory and slash and account):
        raise ValueError("must name accounts as directory/id, such as okta/00u1")
    return value


def _different(values: tuple[str, ...]) -> tuple[str, ...]:
    for value, times in Counter(values).items():
        if times > 1:
            raise ValueError(f"must not name {value} twice")
    return values


def _some(values: Values) -> Values:
    if not values:
        raise ValueError("must not be empty")
    return values


def _several_accounts(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) < 2:
        raise ValueError("must list at least two accounts")
    return values


def _day(value: object) -> date:
    day = value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValueError("is not a day of the calendar") from None
    if type(day) is not date:
        raise ValueError("must be a day such as 2026-11-01")
    if not _FIRST_DAYS[0] <= day <= _FIRST_DAYS[1]:
        raise ValueError(f"must be a day from {_FIRST_DAYS[0]} to {_FIRST_DAYS[1]}")
    return day


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones())
        words = f"must be an IANA time zone such as America/New_York{hint}".rstrip(".")
        raise ValueError(words) from None
    return value


def _origin(value: str) -> str:
    """An origin (scheme, host and port) that secrets may be sent to."""
    match = _ORIGIN.fullmatch(value.lower())
    if not match or not 0 < int(match["port"] or 443) < 65536:
        host = _HOST.fullmatch(value.lower())
        example = f"https://{host['host']}" if host else "https://acme.okta.com"
        raise ValueError(f"must be https:// and a host, nothing else; write {example}")
    if match["scheme"] == "http" and match["host"] not in _LOOPBACK:
        raise ValueError(
            f"must be https://: plain HTTP is only for loopback ({', '.join(_LOOPBACK)}); "
            f"write https://{match['host']}"
        )
    return match[0].rstrip("/")


def _okta_endpoint(value: str) -> str:
    origin = _origin(value)
    tenant, _, domain = origin.partition(".")
    if tenant.endswith("-admin") and domain.startswith("okta"):
        api = f"{tenant.removesuffix('-admin')}.{domain}"
        raise ValueError(f"is the admin console's host, which is not the API's; write {api}")
    return origin


def _loopback(value: str) -> str:
    origin = _origin(value)
    match = _ORIGIN.fullmatch(origin)
    if not match or match["host"] not in _LOOPBACK:
        raise ValueError(
            f"is for development only and must be on loopback ({', '.join(_LOOPBACK)})"
        )
    return origin


def _tenant(value: str) -> str:
    if not (_GUID.fullmatch(value) or _DOMAIN.fullmatch(value)):
        raise ValueError("must be the tenant's GUID or one of its domains, such as acme.com")
    return value


def _guid(value: str) -> str:
    if not _GUID.fullmatch(value):
        raise ValueError("must be a GUID such as 00000000-0000-0000-0000-000000000000")
    return value


def _single_character(value: str) -> str:
    if len(value) != 1 or value in '"\r\n\0':
        raise ValueError('must be one character, such as ";" or "\\t", and no quote or line break')
    return value


def _encoding(value: str) -> str:
    try:
        "".encode(value)
    except (LookupError, ValueError):
        raise ValueError("must be a text encoding that Python knows, such as utf-8") from None
    return value


Text = Annotated[str, AfterValidator(_filled)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1)]
Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100)]
Names = Annotated[tuple[Text, ...], AfterValidator(_some), AfterValidator(_different)]
Attributes = dict[Annotated[str, AfterValidator(_attribute_name)], Text]
Accounts = Annotated[
    tuple[Annotated[str, AfterValidator(_account_name)], ...],
    AfterValidator(_several_accounts),
    AfterValidator(_different),
]


class _Part(BaseModel):
    """What all parts of the file share: they never change, and have no keys but the contract's."""

    # Pydantic would quote a wrong value, and it may be a secret that somebody wrote in plain text.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(_Part):
    """Where a secret lies: in an environment variable or in a file, looked up when it is needed.

    A file's relative path starts at the organization file's folder.
    """

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_a_place(cls, written: object, info: ValidationInfo) -> object:
        match written:
            case {"env": str(name), **rest} if not rest and _ENVIRONMENT_NAME.fullmatch(name):
                return {"env": name}
            case {"file": str() | Path() as path, **rest} if not rest and _is_path(str(path)):
                return {"file": Path((info.context or {}).get("folder", ""), path)}
            case Secret():
                return written
        raise ValueError(
            "must say where the secret lies: write {env: NAME} or {file: PATH}; "
            "a secret is never in this file"
        )

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"

    def reveal(self) -> str:
        """The secret itself, read at this moment, without line breaks at its end.

        Raises:
            SecretMissing: There is nothing at its place, or nothing but white space.
        """
        if self.file is None:
            value, fault = os.environ.get(self.env or ""), "is not set"
            remedy = "set it where the commands and Dagster's processes start"
        else:
            value, fault = _content(self.file)
            remedy = "put the secret there, readable for the user who runs this"
        if value is None or not value.strip():
            fault = fault if value is None else "is empty"
            raise SecretMissing(f"the secret's {self} {fault}; {remedy}")
        return value.rstrip("\r\n")


def _is_path(text: str) -> bool:
    """Not blank, and not the secret itself, such as a key of several lines."""
    return bool(text.strip()) and text.isprintable()


def _content(path: Path) -> tuple[str | None, str]:
    """The file's text, or None and what is wrong; an exception would carry the bytes read."""
    try:
        return path.read_text(encoding="utf-8"), ""
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    except ValueError:
        return None, "is not UTF-8 text (a key or certificate must be PEM, not PFX or DER)"


class Scope(_Part):
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
            AfterValidator(_some),
            AfterValidator(_different),
        ]
        | None
    ) = None
    """Okta's user statuses; None: all."""


class EntraScope(_Part):
    """Which part is read: users in a matching group, those groups, memberships between them."""

    groups: Names | None = None
    """Group names, `*` for any characters; None: all groups."""


class OktaDirectory(_Part):
    """An Okta organization. Credentials are `api_token`, or `client_id` with `private_key`."""

    kind: Literal["okta"]

    endpoint: Annotated[str, AfterValidator(_okta_endpoint)]
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

    attributes: Attributes = {}
    """Attribute name to profile attribute; adds to Okta's table or overrides it."""


class EntraDirectory(_Part):
    """A Microsoft Entra tenant. Credentials are `client_secret` or `certificate`."""

    kind: Literal["entra"]

    tenant_id: Annotated[str, AfterValidator(_tenant)]
    """The tenant's GUID or one of its domains."""

    client_id: Annotated[str, AfterValidator(_guid)]
    """The registered application's."""

    client_secret: Secret | None = None

    certificate: Secret | None = None
    """The application's certificate with its private key, as PEM."""

    cloud: Literal["global", "us_gov", "us_gov_dod", "china"] = "global"
    """Microsoft's cloud: us_gov is L4 (GCC High), us_gov_dod is L5 (DoD), china is 21Vianet's."""

    authority: Annotated[str, AfterValidator(_loopback)] | None = None
    """For development: where tokens come from, instead of the cloud's own."""

    graph: Annotated[str, AfterValidator(_loopback)] | None = None
    """For development: where Microsoft Graph is, instead of the cloud's own."""

    scope: EntraScope = EntraScope()

    attributes: Attributes = {}
    """Attribute name to field of a Graph user; adds to Entra's table or overrides it."""


def _file_location(text: str, info: ValidationInfo) -> str:
    """A relative path starts at the organization file's folder."""
    if "://" in text:
        return text
    return str(Path((info.context or {}).get("folder", ""), text))


Files = Annotated[Text, AfterValidator(_file_location)]
"""A path, glob or URL (any that fsspec reads)."""


class CsvDirectory(_Part):
    """Files with a header line, as HR exports them."""

    kind: Literal["csv"]

    users: Files
    groups: Files | None = None
    memberships: Files | None = None

    id: Text = "id"
    """The column that identifies a row of `users`."""

    delimiter: Annotated[str, AfterValidator(_single_character)] | None = None
    """What separates columns; None: what the header line shows."""

    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """The files' text encoding; None: UTF-8, with or without a byte order mark."""

    attributes: Attributes = {}
    """Attribute name to column; a column named as an attribute needs no mapping."""


Directory = OktaDirectory | EntraDirectory | CsvDirectory


class AttributeRule(_Part):
    """How directories that disagree on one attribute are resolved."""

    precedence: Annotated[tuple[Text, ...], AfterValidator(_different)] = ()
    """Whose value wins, highest first; directories not listed follow in the file's order."""

    blank: Literal["falls_through", "wins"] = "falls_through"
    """Whether a directory without a value leaves the word to the next one, or says: no value."""

    merge: Literal["union"] | None = None
    """`union`: the attribute is a list, of the values of all directories."""


class GroupRules(_Part):
    """How groups of several directories become one."""

    merge_by: Literal["name"] | None = None
    """`name`: groups of one name are one group; None: every group stays its own."""


class Resolution(_Part):
    """How accounts become people."""

    match: Names = ("email",)
    """Attributes by which accounts are one person's, tried in order."""

    attributes: dict[Annotated[str, AfterValidator(_attribute_name)], AttributeRule] = {}
    """Rules for single attributes; `active` takes `precedence` only."""

    inactive_accounts: Literal["yield", "ignore", "equal"] = "yield"
    """Whether inactive accounts' values count last, not at all, or as any other's."""

    pin: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) that are always one person."""

    part: tuple[Accounts, ...] = ()
    """Accounts (`directory/id`) that are never one person, no two of them."""

    groups: GroupRules = GroupRules()

    stale_after_days: AtLeastOne = 3
    """From how many days on a directory's newest snapshot counts as stale if it is older."""

    when_stale: Literal["hold", "yield", "fail"] = "hold"
    """A stale snapshot is used and said so, has lowest precedence, or lets the day fail."""


class RemovedGuard(_Part):
    """How many active people may be gone or inactive: held beyond count and percent, or max."""

    count: Count = 10
    percent: Percent = 5
    max: AtLeastOne = 500


class BlankedGuard(_Part):
    """How many of an attribute's filled values may become blank: held beyond both."""

    count: Count = 10
    percent: Percent = 10


class RewrittenGuard(_Part):
    """How many of an attribute's filled values may become others: held beyond both."""

    count: Count = 10
    percent: Percent = 30


class DirectoryGuards(_Part):
    """The limits for what one directory alone may change, as far as they are not the organization's."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()


class Guards(_Part):
    """The limits that publishing judges before it replaces the published directory."""

    removed: RemovedGuard = RemovedGuard()
    blanked: BlankedGuard = BlankedGuard()
    rewritten: RewrittenGuard = RewrittenGuard()

    directories: dict[str, DirectoryGuards] = {}
    """Other limits for single directories; what is not given there is as above."""

    def of(self, directory: str) -> DirectoryGuards:
        """The limits for one directory alone: number by number its own, or else the organization's."""
        ours = self.model_dump(exclude={"directories"})
        own = self.directories.get(directory, DirectoryGuards()).model_dump(exclude_unset=True)
        return DirectoryGuards.model_validate(
            {name: ours[name] | own.get(name, {}) for name in ours}
        )


class CsvExport(_Part):
    """A CSV of the published people."""

    path: Annotated[Text, AfterValidator(export_path)]
    """A path, relative to the organization's folder of the lake, or any URL; `{date}` is the day."""

    columns: Names | None = None
    """The columns and their order; None: all."""

    locked: Annotated[tuple[Text, ...], AfterValidator(_different)] = ()
    """Columns whose header says that users may not edit the value."""

    unlocked: Annotated[tuple[Text, ...], AfterValidator(_different)] = ()
    """Columns whose header says that users may edit the value."""


class Publish(_Part):
    """What is made beside the published database."""

    csv: CsvExport | None = None


class Retention(_Part):
    """For how long what the published directory does not need is kept; None: for ever."""

    days: AtLeastOne | None = None
    """Resolved days."""

    snapshots: AtLeastOne | None = None
    """Days of snapshots."""


class Organization(_Part):
    """One company: everything its file says. The file's name is the organization's."""

    name: Annotated[str, AfterValidator(_name)]

    timezone: Annotated[str, AfterValidator(_time_zone)]
    """The IANA time zone in which the organization's days begin and end."""

    first_day: Annotated[date, BeforeValidator(_day)]
    """The first day there is a directory of."""

    schedule: str = Field(default="0 2 * * *", validate_default=True)
    """When the day's sync starts: five cron fields that tick once in each local day.

    Kept as `MINUTE HOUR * * *`, whichever way it was written.
    """

    enabled: Flag = True
    """Whether the schedule starts switched on."""

    directories: Annotated[
        dict[
            Annotated[str, AfterValidator(_directory_name)],
            Annotated[Directory, Field(discriminator="kind")],
        ],
        AfterValidator(_some),
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


def load_organizations(folder: Path) -> dict[str, Organization | OrganizationFileError]:
    """Every organization of a folder by name, sorted; for a file with mistakes, the mistakes.

    Raises:
        OrganizationsFolderMissing: There is no such folder.
    """
    if not folder.is_dir():
        raise OrganizationsFolderMissing(
            f"{folder} is not a folder; it should hold one YAML file for each organization"
        )
    organizations: dict[str, Organization | OrganizationFileError] = {}
    # Hidden files are an editor's, not an operator's.
    files = [path for path in folder.glob("[!.]*") if path.suffix in {".yaml", ".yml"}]
    for path in sorted(files, key=lambda path: (path.stem, path.suffix)):
        if path.stem in organizations:
            twice = f"the organization has two files, {path.stem}.yaml and {path.name}; keep one"
            organizations[path.stem] = OrganizationFileError(path, [Mistake(1, "", twice)])
            continue
        try:
            organizations[path.stem] = load_organization(path)
        except OrganizationFileError as error:
            organizations[path.stem] = error
    return organizations


def load_organization(path: Path, *, name: str | None = None) -> Organization:
    """The organization that a file describes.

    Args:
        path: The file.
        name: The organization's name, when the file is not called after it.

    Raises:
        OrganizationFileError: The file cannot be used; the error holds all its mistakes.
    """
    document = read_document(path)
    organization, findings = _validated(
        document, name=name or path.stem, folder=path.absolute().parent
    )
    mistakes = list(document.mistakes([*findings, *contradictions(document.data)]))
    if mistakes or organization is None:
        raise OrganizationFileError(path, mistakes)
    return organization


def _validated(
    document: Document, *, name: str, folder: Path
) -> tuple[Organization | None, list[Finding]]:
    """The organization, or what its models find wrong."""
    try:
        data = document.data | {"name": name}
        organization = Organization.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        return None, list(findings_of(Organization, error, not_in_file={"name"}))
    return organization, []
