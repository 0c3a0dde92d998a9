"""What an organization's file may say, what each key means, and what a mistake is answered with."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from dagster._utils.schedules import cron_string_iterator
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES
from opensense_okta.config.directory_models import CsvDirectory, EntraDirectory, OktaDirectory
from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.config.load import (
    load_organization,
    load_organizations,
)
from opensense_okta.config.models import BlankedGuard, Organization, RemovedGuard, RewrittenGuard
from opensense_okta.config.secret import Secret, SecretMissing
from opensense_okta.config.sources import Constant, Join, Lookup
from opensense_okta.config.yaml_file import OrganizationFileError

OF_A_VALUE = {Secret, Constant, Join, Lookup}
"""Sections that are written as a value."""

SMALLEST = """\
timezone: America/New_York
first_day: 2026-11-01
directories:
  okta:
    kind: okta
    endpoint: https://acme.okta.com
    api_token: {env: ACME_OKTA_API_TOKEN}
"""

SUPPORTED = """\
timezone: America/New_York
schedule: "30 1 * * *"
first_day: 2026-11-01
enabled: false
directories:
  okta:
    kind: okta
    endpoint: https://acme.okta.com/
    api_token: {file: secrets/okta}
    rate_limit_share: 0.25
    memberships: full
    attributes: {desk: deskNumber, email: secondEmail}
"""

CONTRACT = """\
timezone: America/New_York
schedule: "0 2 * * *"                 # one sync a day, in that time zone
first_day: 2026-11-01                 # first partition
enabled: true                         # false: the schedule starts switched off
directories:                          # order = default precedence, highest first
  okta:
    kind: okta
    endpoint: https://acme.okta.com
    api_token: {env: ACME_OKTA_API_TOKEN}
    rate_limit_share: 0.5             # of what the API's own headers allow
    memberships: incremental          # or: full
    full_read_days: 7
    scope: {groups: ["Staff*"], statuses: [ACTIVE, SUSPENDED]}
    attributes: {desk: deskNumber, email: secondEmail}
  entra:
    kind: entra
    tenant_id: 00000000-0000-0000-0000-000000000000
    client_id: 00000000-0000-0000-0000-000000000000
    client_secret: {env: ACME_ENTRA_CLIENT_SECRET}
  google:
    kind: google
    customer: my_customer
    service_account: {file: /etc/opensense/acme-google.json}
    administrator: sync@acme.com
    requests_per_second: 20
    scope: {org_units: ["/Staff", "/Partners/*"]}
  hr:
    kind: csv
    users: /srv/hr/people.csv
    id: employee_number
    attributes: {title: "Job Title"}
resolution:
  match: [employee_number, email]
  attributes:
    title:        {precedence: [hr, entra, okta]}
    mobile_phone: {precedence: [okta, entra], blank: wins}
    aliases:      {merge: union}
  stale_after_days: 3
  when_stale: use
guards:
  removed: {count: 10, percent: 5, max: 500}
  blanked: {percent: 10}
publish:
  csv: {path: "exports/{date}/people.csv"}
"""

Change = Callable[[dict[str, Any]], object]


def write(folder: Path, text: str, name: str = "acme.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def validated(folder: Path, text: str) -> Organization:
    """The organization, with no regard to what has an effect yet."""
    return load_organization(write(folder, text))


def refusal(path: Path) -> OrganizationFileError:
    with pytest.raises(OrganizationFileError) as raised:
        load_organization(path)
    return raised.value


def changed(folder: Path, change: Change) -> Path:
    """The contract's example with one change."""
    yaml, path = YAML(typ="safe", pure=True), folder / "acme.yaml"
    data = yaml.load(CONTRACT)
    change(data)
    yaml.dump(data, path)
    return path


def put(where: str, value: object) -> Change:
    """A change that puts a value at a dotted key."""

    def change(data: dict[str, Any]) -> None:
        *around, last = where.split(".")
        for key in around:
            data = data.setdefault(key, {})
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


# What a file says


def test_the_smallest_file_needs_a_zone_a_first_day_and_a_directory(tmp_path: Path) -> None:
    organization = load_organization(write(tmp_path, SMALLEST))
    okta = organization.directories["okta"]
    assert organization.name == "acme"
    assert organization.zone == ZoneInfo("America/New_York")
    assert organization.first_day == date(2026, 11, 1)
    assert organization.schedule == "0 2 * * *"
    assert organization.enabled
    assert isinstance(okta, OktaDirectory)
    assert okta.rate_limit_share == 0.5
    assert okta.api_token == Secret(env="ACME_OKTA_API_TOKEN")


def test_all_that_is_supported_is_taken_as_written(tmp_path: Path) -> None:
    organization = load_organization(write(tmp_path, SUPPORTED))
    okta = organization.directories["okta"]
    assert organization.schedule == "30 1 * * *"
    assert not organization.enabled
    assert okta == OktaDirectory(
        kind="okta",
        endpoint="https://acme.okta.com",
        api_token=Secret(file=tmp_path / "secrets/okta"),
        rate_limit_share=0.25,
        memberships="full",
        attributes={"desk": "deskNumber", "email": "secondEmail"},
    )


def test_the_contracts_own_example_is_valid(tmp_path: Path) -> None:
    organization = validated(tmp_path, CONTRACT)
    assert list(organization.directories) == ["okta", "entra", "google", "hr"]
    assert isinstance(organization.directories["entra"], EntraDirectory)
    assert isinstance(organization.directories["hr"], CsvDirectory)
    assert organization.resolution.match == ("employee_number", "email")
    assert organization.resolution.attributes["aliases"].merge == "union"
    assert organization.resolution.attributes["title"].precedence == ("hr", "entra", "okta")


def test_a_guard_given_in_part_keeps_its_other_defaults(tmp_path: Path) -> None:
    guards = (
        "guards: {removed: {count: 3}, rewritten: {count: 4}, "
        "directories: {okta: {blanked: {percent: 1.5}}}}"
    )
    organization = validated(tmp_path, SMALLEST + guards)
    assert organization.guards.removed.model_dump() == {"count": 3, "percent": 5, "max": 500}
    assert organization.guards.rewritten == RewrittenGuard(count=4, percent=30)


def test_a_directory_has_the_organizations_own_limits_where_it_is_given_none(
    tmp_path: Path,
) -> None:
    guards = (
        "guards: {removed: {count: 3, max: 7}, blanked: {count: 4}, "
        "directories: {okta: {removed: {max: 9}, blanked: {count: 10}}}}"
    )
    limits = validated(tmp_path, SMALLEST + guards).guards
    okta, other = limits.of("okta"), limits.of("other")
    assert okta.removed == RemovedGuard(count=3, percent=5, max=9)
    assert okta.blanked == BlankedGuard(count=10, percent=10)  # a default, and given all the same
    assert okta.rewritten == limits.rewritten
    assert (other.removed, other.blanked) == (limits.removed, limits.blanked)


def test_an_organization_never_changes(tmp_path: Path) -> None:
    organization = load_organization(write(tmp_path, SMALLEST))
    with pytest.raises(ValidationError):
        organization.enabled = False  # type: ignore[misc]  # what must not be possible


def test_every_key_and_default_of_the_contract() -> None:
    """A change to this table is a change to the contract of people who have written files."""
    table = """
        directories.*.csv.attributes = {}
        directories.*.csv.date_format = None
        directories.*.csv.delimiter = None
        directories.*.csv.encoding = None
        directories.*.csv.groups = None
        directories.*.csv.id = 'id'
        directories.*.csv.kind
        directories.*.csv.memberships = None
        directories.*.csv.nested = True
        directories.*.csv.scope.exclude = None
        directories.*.csv.scope.include = None
        directories.*.csv.store_groups = None
        directories.*.csv.users
        directories.*.entra.attributes = {}
        directories.*.entra.authority = None
        directories.*.entra.certificate = None
        directories.*.entra.client_id
        directories.*.entra.client_secret = None
        directories.*.entra.cloud = 'global'
        directories.*.entra.date_format = None
        directories.*.entra.graph = None
        directories.*.entra.kind
        directories.*.entra.nested = True
        directories.*.entra.requests_per_second = 10
        directories.*.entra.scope.exclude = None
        directories.*.entra.scope.groups = None
        directories.*.entra.scope.include = None
        directories.*.entra.store_groups = None
        directories.*.entra.tenant_id
        directories.*.google.administrator = None
        directories.*.google.attributes = {}
        directories.*.google.customer = 'my_customer'
        directories.*.google.date_format = None
        directories.*.google.endpoint = None
        directories.*.google.kind
        directories.*.google.nested = True
        directories.*.google.requests_per_second = 20
        directories.*.google.scope.exclude = None
        directories.*.google.scope.groups = None
        directories.*.google.scope.include = None
        directories.*.google.scope.org_units = None
        directories.*.google.service_account
        directories.*.google.store_groups = None
        directories.*.okta.api_token = None
        directories.*.okta.attributes = {}
        directories.*.okta.client_id = None
        directories.*.okta.date_format = None
        directories.*.okta.endpoint
        directories.*.okta.full_read_days = 7
        directories.*.okta.key_id = None
        directories.*.okta.kind
        directories.*.okta.memberships = 'incremental'
        directories.*.okta.private_key = None
        directories.*.okta.rate_limit_share = 0.5
        directories.*.okta.requests_per_second = 10
        directories.*.okta.scope.apps = None
        directories.*.okta.scope.exclude = None
        directories.*.okta.scope.groups = None
        directories.*.okta.scope.include = None
        directories.*.okta.scope.statuses = None
        directories.*.okta.store_groups = None
        directories.*.okta.store_profile = 'all'
        enabled = True
        first_day
        guards.blanked.count = 10
        guards.blanked.percent = 10
        guards.directories.*.blanked.count = 10
        guards.directories.*.blanked.percent = 10
        guards.directories.*.removed.count = 10
        guards.directories.*.removed.max = 500
        guards.directories.*.removed.percent = 5
        guards.directories.*.rewritten.count = 10
        guards.directories.*.rewritten.percent = 30
        guards.removed.count = 10
        guards.removed.max = 500
        guards.removed.percent = 5
        guards.rewritten.count = 10
        guards.rewritten.percent = 30
        name
        notify = ()
        owners = ('team:directory',)
        publish.csv.columns = None
        publish.csv.group_names = 'as_written'
        publish.csv.groups = None
        publish.csv.locked = ()
        publish.csv.path
        publish.csv.rows = 'person'
        publish.csv.unlocked = ()
        publish.people.exclude = None
        publish.people.groups = None
        publish.people.include = None
        resolution.always_same = ()
        resolution.attributes.*.blank = 'falls_through'
        resolution.attributes.*.format = 'as_written'
        resolution.attributes.*.merge = None
        resolution.attributes.*.precedence = ()
        resolution.groups.merge_by = None
        resolution.inactive_accounts = 'lowest'
        resolution.match = ('email',)
        resolution.never_same = ()
        resolution.stale_after_days = 3
        resolution.when_stale = 'use'
        retention.days = None
        retention.snapshots = None
        schedule = '0 2 * * *'
        timezone
    """
    assert sorted(keys(Organization)) == [line.strip() for line in table.strip().splitlines()]


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for key, field in model.model_fields.items():
        parts = {each for each in models(field.annotation) if each not in OF_A_VALUE}
        named = "*." if "dict[" in str(field.annotation) else ""
        for part in parts:
            kind = get_args(part.model_fields["kind"].annotation)[0] + "." if len(parts) > 1 else ""
            yield from keys(part, f"{prefix}{key}.{named}{kind}")
        if not parts:
            required = field.default is PydanticUndefined
            yield prefix + key + ("" if required else f" = {field.default!r}")


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


# Mistakes


def test_a_misspelt_key_is_told_with_file_line_and_the_nearest_known_key(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, SMALLEST.replace("api_token", "api_tokn")))
    assert str(error) == (
        "acme.yaml:7: directories.okta.api_tokn is not a known key; did you mean api_token? "
        "Allowed here: kind, endpoint, api_token, client_id, private_key, key_id, "
        "rate_limit_share, requests_per_second, memberships, full_read_days, scope, store_groups,"
        " store_profile, attributes, date_format"
    )


def test_all_mistakes_are_told_at_once_each_on_its_line(tmp_path: Path) -> None:
    text = """\
timezon: America/New_York
schedule: "0 2 * * 1-5"
first_day: 2026-02-30
enabled: maybe
enabled: true
directories:
  okta:
    kind: okta
    endpoint: https://acme-admin.okta.com
    rate_limit_share: 2
  hr:
    kind: ldap
guards: {removed: {percent: 101, max: }}
resolution:
  match: [emial]
  always_same:
    - [okta/1, okta/2]
    - [okta/1, hrr/2]
"""
    error = refusal(write(tmp_path, text))
    starts = [
        "1: timezon is not a known key; did you mean timezone?",
        "2: schedule must tick at least once in each local day",
        "3: first_day is not a day of the calendar",
        "4: enabled must be true or false",
        "5: enabled is written twice; it is already on line 4",
        "7: directories.okta.api_token is missing; give api_token, or client_id with private_key",
        "9: directories.okta.endpoint is the admin console's host",
        "10: directories.okta.rate_limit_share must be at most 1",
        "12: directories.hr.kind must be one of okta, entra, google, csv",
        "13: guards.removed.max has no value; write one or remove the key",
        "13: guards.removed.percent must be at most 100",
        "15: resolution.match names emial, which is neither a standard attribute nor one of",
        "18: resolution.always_same names hrr, which is not one of the directories: okta, hr; did you",
    ]
    lines = sorted(str(error).splitlines())
    expected = sorted(f"acme.yaml:{start}" for start in starts)
    assert all(map(str.startswith, lines, expected)), str(error)
    assert len(lines) == len(expected)
    assert [each.line for each in error.mistakes] == sorted(each.line for each in error.mistakes)


def test_a_missing_key_is_told_at_the_line_of_what_should_hold_it(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, SMALLEST.replace("    endpoint: https://acme.okta.com\n", "")))
    assert str(error) == "acme.yaml:4: directories.okta.endpoint is missing; it is required"


TOKEN = "00aBcDeF-ghijklmnopqrstuvwxyz_0123456789"


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        f"'{TOKEN}'",
        f"*{TOKEN}",
        f"&{TOKEN}",
        f"!{TOKEN}",
        f"[{TOKEN}]",
        f"{{{TOKEN}}}",
        f"{{env: {TOKEN}}}",
        f"{{env: [{TOKEN}]}}",
        f'{{file: "-----BEGIN\\n{TOKEN}"}}',
        f"{{env: NAME, {TOKEN}: 1}}",
        f"{{value: {TOKEN}}}",
        f"{{env: NAME, file: {TOKEN}}}",
        f"|\n      {TOKEN}",
        f'"{TOKEN}',
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(tmp_path: Path, written: str) -> None:
    path = write(tmp_path, SMALLEST.replace("{env: ACME_OKTA_API_TOKEN}", written))
    error = refusal(path)
    assert "acme.yaml:" in str(error)
    for text in (str(error), repr(error), repr(error.__cause__)):
        assert TOKEN not in text


def test_a_literal_where_a_secret_belongs_is_told_where_secrets_go(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, SMALLEST.replace("{env: ACME_OKTA_API_TOKEN}", TOKEN)))
    assert str(error) == (
        "acme.yaml:7: directories.okta.api_token must say where the secret is stored: "
        "write {env: NAME} or {file: PATH}; a secret is never in this file"
    )
    with pytest.raises(ValidationError) as raised:
        OktaDirectory.model_validate({"kind": "okta", "endpoint": TOKEN, "api_token": TOKEN})
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        ("timezone", "America/New_Yorc", "did you mean America/New_York?"),
        ("timezone", "../etc/passwd", "must be an IANA time zone"),
        ("timezone", "America", "must be an IANA time zone"),
        ("timezone", 5, "must be text"),
        ("first_day", "1.11.2026", "must be a day such as 2026-11-01"),
        ("first_day", 20261101, "must be a day such as 2026-11-01"),
        ("first_day", "2026-11-31", "is not a day of the calendar"),
        ("first_day", "0001-01-01", "must be a day from 1970-01-01"),
        ("enabled", "yes", "must be true or false"),
        ("enabled", 1, "must be true or false"),
        ("name", "acme", "the file's name is the organization's name"),
        ("directories", {}, "must not be empty"),
        ("directories", [1], "must be a mapping of keys to values"),
        ("directories.Okta", {"kind": "csv", "users": "x"}, "use a-z, 0-9 and _"),
        ("directories.main", {"kind": "csv", "users": "x"}, "the database needs itself"),
        ("directories.temp", {"kind": "csv", "users": "x"}, "the database needs itself"),
        (
            "directories.okta.kind",
            None,
            "kind is missing; it must be one of okta, entra, google, csv",
        ),
        ("directories.okta.kind", "octa", "one of okta, entra, google, csv; did you mean okta?"),
        ("directories.okta.rate_limit_share", 0, "must be greater than 0"),
        ("directories.okta.rate_limit_share", "0.5", "must be a number"),
        ("directories.okta.rate_limit_share", float("nan"), "must be a number"),
        ("directories.okta.memberships", "ful", "incremental, full; did you mean full?"),
        ("directories.okta.full_read_days", 0, "must be at least 1"),
        ("directories.okta.full_read_days", 1.5, "must be a whole number"),
        ("directories.okta.full_read_days", True, "must be a whole number"),
        ("directories.okta.scope.groups", [], "must not be empty"),
        ("directories.okta.scope.groups", "Staff*", "must be a list"),
        ("directories.okta.scope.statuses", ["ACTVE"], "did you mean ACTIVE?"),
        ("directories.okta.store_profile", "none", "must be one of all, mapped"),
        ("directories.okta.attributes", {"Desk": "x"}, "use a-z, 0-9 and _"),
        ("directories.okta.attributes", {"person_id": "x"}, "is a column of its own"),
        ("directories.okta.attributes", {"valid_from": "x"}, "is a column of its own"),
        ("directories.okta.attributes", {"change": "x"}, "is a column of its own"),
        ("directories.okta.attributes", {"desk": " "}, "must not be empty"),
        ("directories.entra.tenant_id", "acme corp", "GUID or one of its domains"),
        ("directories.entra.client_id", "app", "must be a GUID"),
        ("directories.entra.cloud", "us", "must be one of global, us_gov, us_gov_dod, china"),
        ("directories.entra.authority", "https://evil.example", "must be on loopback"),
        ("directories.entra.graph", "http://evil.example", "plain HTTP is only for loopback"),
        ("directories.entra.scope", {"statuses": ["ACTIVE"]}, "Allowed here: groups"),
        ("directories.google.customer", "acme.com", "must be my_customer, or the customer's ID"),
        ("directories.google.administrator", "sync", "must be an e-mail address"),
        ("directories.google.administrator", None, "must be the customer's ID, such as C03az79cb"),
        ("directories.google.service_account", "a.json", "a secret is never in this file"),
        ("directories.google.service_account", None, "service_account is missing"),
        ("directories.google.endpoint", "https://evil.example", "must be on loopback"),
        ("directories.google.requests_per_second", 0, "must be greater than 0"),
        (
            "directories.google.scope",
            {"org_units": ["Staff"]},
            "must be a full path such as /Staff",
        ),
        ("directories.google.scope", {"org_units": ["/Staff/"]}, "must be a full path such as"),
        ("directories.google.scope", {"org_units": ["/S*"]}, "can have * only as its last part"),
        ("directories.google.scope", {"org_unit": ["/"]}, "did you mean org_units?"),
        ("directories.google.attributes", {"active": "suspended"}, "cannot be mapped"),
        ("directories.hr.users", None, "users is missing"),
        ("directories.hr.users", " ", "must not be empty"),
        ("directories.hr.users", 7, "must be a path, a URL, or {env: NAME}"),
        ("directories.hr.users", {"file": "/x"}, "must be a path, a URL, or {env: NAME}"),
        ("directories.hr.users", "sftp://me:pw@h/a.csv", "must not hold a password"),
        ("directories.hr.users", "https://me@h/a.csv", "must not hold a user or a query"),
        ("directories.hr.users", "https://h/a.csv?sig=pw", "write {env: NAME}"),
        ("directories.hr.groups", "http://h/a.csv", "must be an encrypted address"),
        ("directories.hr.groups", "ftp://h/a.csv", "must be an encrypted address"),
        ("directories.hr.groups", "zip://a.csv::http://h/a.zip", "must be an encrypted address"),
        ("directories.hr.groups", "zip://a.csv::https://h/a.zip?sig=pw", "write {env: NAME}"),
        ("directories.hr.delimiter", ";;", "must be one character"),
        ("directories.hr.delimiter", '"', "no quote or line break"),
        ("directories.hr.delimiter", "\n", "no quote or line break"),
        ("directories.hr.encoding", "utf-9", "that Python knows, such as utf-8"),
        ("directories.hr.encoding", "base64", "that Python knows, such as utf-8"),
        ("owners", [], "must not be empty"),
        ("owners", ["directory"], "must be team:NAME or an e-mail address"),
        ("owners", ["team:"], "must be team:NAME or an e-mail address"),
        ("owners", ["team:a", "team:a"], "must not name team:a twice"),
        ("resolution.match", [], "must not be empty"),
        ("resolution.match", ["email", "email"], "must not name email twice"),
        ("resolution.match", ["emial"], "did you mean email?"),
        ("resolution.attributes", {"titel": {}}, "did you mean title?"),
        ("resolution.attributes", {"dsk": {}}, "did you mean desk?"),
        ("resolution.attributes.title.precedence", ["ookta"], "did you mean okta?"),
        ("resolution.attributes.title.precedence", ["hr", "hr"], "must not name hr twice"),
        ("resolution.attributes.title.blank", "loses", "must be one of falls_through, wins"),
        ("resolution.attributes.title.merge", "list", "must be union"),
        ("resolution.attributes.active", {"blank": "wins"}, "takes precedence only"),
        ("resolution.inactive_accounts", "drop", "must be one of lowest, ignore, equal"),
        ("resolution.always_same", [["okta/1"]], "must list at least two accounts"),
        ("resolution.always_same", [["okta/1", "2"]], "must name accounts as directory/id"),
        ("resolution.always_same", [["okta/1", "okta/1"]], "must not name okta/1 twice"),
        ("resolution.never_same", [["okta/1", "oktaa/2"]], "did you mean okta?"),
        ("resolution.groups.merge_by", "id", "must be name"),
        ("resolution.stale_after_days", 0, "must be at least 1"),
        ("resolution.when_stale", "lowst", "one of use, lowest, fail; did you mean lowest?"),
        ("guards.removed.max", 0, "must be at least 1"),
        ("guards.removed.count", -1, "must be at least 0"),
        ("guards.removed.percent", 101, "must be at most 100"),
        ("guards.blanked.max", 3, "Allowed here: count, percent"),
        ("guards.directories", {"hrr": {}}, "did you mean hr?"),
        ("publish.csv", {}, "path is missing"),
        ("publish.csv.columns", ["email", "email"], "must not name email twice"),
        ("publish.csv.columns", "email", "must be a list such as [email, title], or a mapping"),
        ("publish.csv.columns", {}, "must not be empty"),
        ("publish.csv.columns", ["group"], "did you mean groups?"),
        ("publish.csv.groups", "Staff*", "must be true, or a list of names"),
        ("publish.csv.groups", [], "must not be empty"),
        ("publish.csv.groups", ["A", "A"], "must not name A twice"),
        ("publish.csv.group_names", "opensens", "did you mean opensense?"),
        (
            "publish.csv.group_names",
            "opensense",
            "has no effect, because no groups are exported; add",
        ),
        (
            "resolution.attributes.title.format",
            "e164",
            "is only for phone numbers: work_phone, mobile",
        ),
        (
            "resolution.attributes.aliases",
            {"format": "e164"},
            "or an attribute of your own; remove it",
        ),
        (
            "publish.csv.columns",
            {"titel": "Role"},
            "titel is neither an attribute nor another column of the export",
        ),
        ("publish.csv.columns", {"titel": "Role"}, "did you mean title?"),
        ("publish.csv.columns", ["manager.titel"], "did you mean manager.title?"),
        ("publish.csv.columns", ["manager.desk"], "manager.desk, which is neither an attribute"),
        ("publish.csv.columns", {"manager.manager.email": "Boss"}, "of a manager's manager"),
        ("publish.csv.columns", ["manager.manager"], "of a manager's manager"),
        ("publish.csv.columns", {"title": ""}, "columns.title must not be empty"),
        ("publish.csv.columns", {"title": "Job\ntitle"}, "must not begin or end with a blank or"),
        ("publish.csv.columns", {"title": "=1+1"}, "takes for a formula"),
        ("publish.csv.columns", {"title": "Change"}, "a column of the file of changes"),
        ("publish.csv.columns", {"title": 5}, "columns.title must be text"),
        (
            "publish.csv.columns",
            {"email": "Mail", "user_name": "mail"},
            "columns.user_name has the header mail, which email has, too",
        ),
        ("directories.okta.scope.apps", [], "must not be empty"),
        ("directories.okta.scope.apps", "0oa1", "must be a list"),
        ("directories.okta.scope", {"exclude": {"titel": ["A"]}}, "did you mean title?"),
        ("directories.okta.scope", {"exclude": {"active": ["true"]}}, "follows from the account's"),
        ("directories.okta.scope", {"include": {"email": [""]}}, "must not be empty"),
        ("directories.okta.scope", {"include": {}}, "must not be empty"),
        ("directories.okta.store_groups", [], "must not be empty"),
        ("directories.hr.scope", {"exclude": {"emial": ["*"]}}, "did you mean email?"),
        ("directories.hr.scope", {"groups": ["Staff"]}, "Allowed here: "),
        ("publish.people", {"group": ["A"]}, "did you mean groups?"),
        ("publish.people.groups", [], "must not be empty"),
        ("publish.people.groups", "Staff*", "must be a list"),
        ("publish.people.include", {}, "must not be empty"),
        ("publish.people.include", {"titel": ["A*"]}, "did you mean title?"),
        ("publish.people.exclude", {"groups": ["A"]}, "is neither a standard attribute nor one of"),
        ("publish.people.exclude", {"active": ["true"]}, "only active people are exported"),
        ("publish.people.exclude", {"email": []}, "exclude.email must not be empty"),
        ("publish.people.exclude", {"email": [" "]}, "must not be empty"),
        ("publish.people.exclude", {"email": ["a@*", "a@*"]}, "must not name a@* twice"),
        ("publish.people.exclude", {"email": "*@acme.com"}, "must be a list"),
        ("retention", {"days": 0}, "must be at least 1"),
        ("retention", {"snapshots": "9"}, "must be a whole number"),
        ("notify", [TOKEN], "a secret is never in this file"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    tmp_path: Path, where: str, value: object, words: str
) -> None:
    error = refusal(changed(tmp_path, put(where, value)))
    assert words in str(error)
    assert all(each.key.startswith(where.rpartition(".")[0]) for each in error.mistakes)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("first_day", date(2031, 1, 1)),
        ("directories.okta.scope", {"statuses": ["LOCKED_OUT"]}),
        ("directories.okta.store_profile", "mapped"),
        ("directories.entra.cloud", "us_gov_dod"),
        ("directories.entra.tenant_id", "acme.onmicrosoft.com"),
        ("directories.entra.authority", "http://127.0.0.1:9001"),
        ("directories.entra.graph", "http://[::1]:9001/"),
        ("directories.google.customer", "C03az79cb"),
        ("directories.google.endpoint", "http://127.0.0.1:8767"),
        ("directories.google.service_account", {"env": "ACME_GOOGLE_KEY"}),
        ("directories.google.scope", {"org_units": ["/", "/*", "/Staff/Legal"]}),
        ("directories.hr.delimiter", "\t"),
        ("directories.hr.encoding", "windows-1252"),
        ("owners", ["team:directory", "ada@acme.com"]),
        ("resolution.match", ["desk"]),
        (
            "resolution.attributes",
            {"desk": {"format": "e164"}, "work_phone": {"format": "national"}},
        ),
        ("publish.csv", {"path": "a.csv", "columns": ["groups"], "group_names": "opensense"}),
        ("publish.csv", {"path": "a.csv", "groups": True, "group_names": "opensense"}),
        ("resolution.attributes", {"desk": {"blank": "wins"}, "active": {"precedence": ["hr"]}}),
        ("resolution.always_same", [["okta/1", "entra/a/b"]]),
        ("resolution.groups", {"merge_by": "name"}),
        ("guards.directories", {"hr": {"removed": {"max": 1}}}),
        ("publish.csv", {"path": "sftp://host/x.csv", "columns": ["email"], "locked": ["email"]}),
        ("publish.csv.columns", {"email": "E-mail", "manager.email": 'The "boss"', "desk": "Desk"}),
        ("publish.csv.groups", True),
        ("publish.csv.groups", ["Staff*", "okta/00g1"]),
        ("publish.people", {"groups": ["Staff*", "okta/00g1"], "exclude": {"email": ["*@b.com"]}}),
        ("publish.people.include", {"desk": ["4-*"], "department": ["Sales"]}),
        ("retention", {"days": 400, "snapshots": 30}),
        ("notify", [{"env": "ACME_PAGER"}]),
    ],
)
def test_what_the_contract_allows_is_accepted(tmp_path: Path, where: str, value: object) -> None:
    assert load_organization(changed(tmp_path, put(where, value)))


def test_accounts_cannot_be_joined_and_kept_apart_at_once(tmp_path: Path) -> None:
    def both(data: dict[str, Any]) -> None:
        data["resolution"] |= {
            "always_same": [["okta/1", "hr/2"]],
            "never_same": [["hr/2", "okta/1"]],
        }

    assert "must not keep hr/2 and okta/1 apart" in str(refusal(changed(tmp_path, both)))


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("acme.okta.com", "write https://acme.okta.com"),
        ("https://acme.okta.com/api/v1", "write https://acme.okta.com"),
        ("https://acme.okta.com?x=1", "write https://acme.okta.com"),
        ("https://user:pw@acme.okta.com", "must be https:// and a host, nothing else"),
        ("https://acme.okta.com\n", "must be https:// and a host, nothing else"),
        ("https://acme.okta.com:99999", "must be https:// and a host, nothing else"),
        ("https://", "must be https:// and a host, nothing else"),
        ("ftp://acme.okta.com", "must be https:// and a host, nothing else"),
        ("http://acme.okta.com", "plain HTTP is only for loopback"),
        ("http://127.0.0.1.evil.example", "plain HTTP is only for loopback"),
        ("https://acme-admin.okta.com", "write https://acme.okta.com"),
        ("https://acme-admin.oktapreview.com/", "write https://acme.oktapreview.com"),
    ],
)
def test_an_endpoint_is_an_origin_that_a_token_may_go_to(
    tmp_path: Path, endpoint: str, words: str
) -> None:
    error = str(refusal(changed(tmp_path, put("directories.okta.endpoint", endpoint))))
    assert words in error
    assert "pw" not in error


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ("https://acme.okta.com/", "https://acme.okta.com"),
        ("HTTPS://Acme.Okta.com", "https://acme.okta.com"),
        ("https://id.acme.com:8443", "https://id.acme.com:8443"),
        ("https://login-admin.acme.com", "https://login-admin.acme.com"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:8001/", "http://localhost:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_an_endpoint_is_kept_without_a_slash_at_its_end(
    tmp_path: Path, endpoint: str, kept: str
) -> None:
    path = changed(tmp_path, put("directories.okta.endpoint", endpoint))
    okta = load_organization(path).directories["okta"]
    assert isinstance(okta, OktaDirectory)
    assert okta.endpoint == kept


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("okta", "", "api_token is missing; give api_token, or client_id with private_key"),
        ("okta", "api_token client_id private_key", "remove it or client_id and private_key"),
        ("okta", "api_token client_id", "remove it or client_id"),
        ("okta", "client_id", "private_key is missing; client_id cannot do without it"),
        ("okta", "private_key", "client_id is missing; private_key cannot do without it"),
        ("okta", "key_id", "client_id is missing; key_id cannot do without it"),
        ("okta", "api_token key_id", "remove it or key_id"),
        ("okta", "api_token", None),
        ("okta", "client_id private_key", None),
        ("okta", "client_id private_key key_id", None),
        ("entra", "", "client_secret is missing; give client_secret or certificate"),
        ("entra", "client_secret certificate", "remove it or certificate"),
        ("entra", "certificate", None),
    ],
)
def test_a_directory_has_exactly_one_credential(
    tmp_path: Path, kind: str, given: str, words: str | None
) -> None:
    def change(data: dict[str, Any]) -> None:
        directory = data["directories"][kind]
        secret = {"env": "NAME"}
        for key in ("api_token", "client_secret"):
            directory.pop(key, None)
        for key in given.split():
            directory[key] = "someone" if key in {"client_id", "key_id"} else secret

    path = changed(tmp_path, change)
    if words is None:
        assert load_organization(path)
    else:
        assert words in str(refusal(path))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("people.parquet", "must end in .csv, such as exports/{date}/people.csv"),
        ("exports", "must end in .csv"),
        ("exports/", "must end in .csv"),
        ("exports/people.csv/", "must end in .csv"),
        (".", "must end in .csv"),
        ("exports/.csv", "must name a file that is not hidden"),
        ("../people.csv", "must not go up with .."),
        ("exports/../../people.csv", "must not go up with .."),
        ("/srv/../etc/people.csv", "must not go up with .."),
        ("file:///srv/%2e%2e/people.csv", "must not go up with .."),
        ("~/people.csv", "must not begin with ~; write the whole path"),
        ("/people.csv", "must lie in a folder, such as /srv/exports/people.csv"),
        ("//{date}.csv", "must lie in a folder"),
        ("file:///people.csv", "must lie in a folder"),
        (
            "identities/date={date}.csv",
            "must not lie in identities, where the lake keeps its own files",
        ),
        ("./resolved/people.csv", "must not lie in resolved"),
        ("exports/{day}/people.csv", "must not hold braces but for {date}, which is the day"),
        ("exports/{date/people.csv", "must not hold braces but for {date}"),
        ("C:\\exports\\people.csv", "must not hold control characters or backslashes"),
        ("exports/people\n.csv", "must not hold control characters or backslashes"),
        ("sftp:host/people.csv", "must be a path, or a URL that begins with sftp://"),
        ("sftp:///people.csv", "must be a URL with a host or bucket before the path"),
        ("s3://people.csv", "must end in .csv"),
        ("file://srv/people.csv", "must be a URL with no host, as in file:///srv"),
        ("sftp://host:ssh/people.csv", "its host or port is not possible"),
        ("sftp://[host/people.csv", "its host or port is not possible"),
        ("sftp://host/a#b/people.csv", "must be a plain URL, without #, :: and %2F"),
        ("zip://people.csv::s3://acme/people.csv", "must be a plain URL, without #, :: and %2F"),
        ("nowhere://host/people.csv", "of a kind that fsspec knows; nowhere: is none"),
        (
            "sftp://ada:pw@host/people.csv",
            "publish.csv.path must not hold a password or a query: secrets are never",
        ),
        (
            "s3://acme/people.csv?secret=pw",
            "must not hold a password or a query: secrets are never",
        ),
    ],
)
def test_the_path_of_an_export_that_cannot_be_meant_is_refused(
    tmp_path: Path, path: str, words: str
) -> None:
    error = str(refusal(changed(tmp_path, put("publish.csv.path", path))))
    assert words in error
    assert "pw" not in error


@pytest.mark.parametrize(
    "path",
    [
        "people.csv",
        "exports/{date}/acme-{date}.csv",
        "out/snapshots/people.csv",
        "/srv/exports/people.csv",
        "file:///srv/exports/people.csv",
        "sftp://ada@files.acme.com:2222/~/people.csv",
        "s3://acme/exports/{date}/people.csv",
        "sftp://files.acme.com/people.csv",
        "s3://acme/people.csv",
        "memory://drop/people.csv",
    ],
)
def test_the_path_of_an_export_is_in_the_lake_elsewhere_or_a_url(tmp_path: Path, path: str) -> None:
    csv = load_organization(changed(tmp_path, put("publish.csv.path", path))).publish.csv
    assert csv is not None
    assert csv.path == path


@pytest.mark.parametrize("name", ["Acme", "acme-corp", "1acme", "acme corp", "ä"])
def test_a_files_name_must_be_possible_for_an_organization(tmp_path: Path, name: str) -> None:
    error = refusal(write(tmp_path, SMALLEST, f"{name}.yaml"))
    assert [each.line for each in error.mistakes] == [1]
    assert "use a-z, 0-9 and _" in str(error)


# Secrets


def test_a_secret_is_read_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    okta = load_organization(write(tmp_path, SUPPORTED)).directories["okta"]
    assert isinstance(okta, OktaDirectory)
    assert okta.api_token is not None
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/okta").write_text("first\r\n")
    assert okta.api_token.reveal() == "first"
    (tmp_path / "secrets/okta").write_text("line one\nline two\n")
    assert okta.api_token.reveal() == "line one\nline two"
    monkeypatch.setenv("ACME", "from the environment\n")
    assert Secret(env="ACME").reveal() == "from the environment"
    (tmp_path / "secrets/okta").write_bytes(b"\xef\xbb\xbfbehind a byte order mark\r\n")
    assert okta.api_token.reveal() == "behind a byte order mark"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xef\xbb\xbf\n", b"\xff\xfes3cret"])
def test_a_missing_secret_names_its_place_and_never_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "token"
    monkeypatch.delenv("ACME", raising=False)
    if content is not None:
        file.write_bytes(content)
        monkeypatch.setenv("ACME", " \n")
    for secret, place in ((Secret(file=file), str(file)), (Secret(env="ACME"), "ACME")):
        with pytest.raises(SecretMissing) as raised:
            secret.reveal()
        assert place in str(raised.value)
        assert "s3cret" not in f"{raised.value} {raised.value.__context__!r}"


def test_a_key_store_where_a_pem_should_be_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "app.pfx").write_bytes(b"0\x82\x0a\x9f")
    with pytest.raises(SecretMissing, match=r"app\.pfx is not UTF-8 text .*PEM, not PFX"):
        Secret(file=tmp_path / "app.pfx").reveal()


def test_a_secret_shows_its_place_and_not_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME", "s3cret")
    secret = Secret(env="ACME")
    assert secret.reveal() == "s3cret"
    for text in (repr(secret), str(secret), f"{secret}", secret.model_dump_json()):
        assert "ACME" in text
        assert "s3cret" not in text


# Schedules and days

ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "America/Havana",
    "Asia/Kolkata",
]
SCHEDULES = ["0 2 * * *", "30 1 * * *", "30 2 * * *", "0 0 * * *", "15 0 * * *", "59 23 * * *"]


def organization_with(zone: str, schedule: str, first_day: str = "2026-01-01") -> Organization:
    okta = {"kind": "okta", "endpoint": "https://acme.okta.com", "api_token": {"env": "ACME"}}
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": zone,
            "first_day": first_day,
            "schedule": schedule,
            "directories": {"okta": okta},
        }
    )


def clock_changes(zone: ZoneInfo) -> Iterator[date]:
    for later in range(2 * 365):
        day = date(2026, 1, 1) + timedelta(days=later)
        ends = [datetime.combine(day + timedelta(days=n), time(), zone) for n in (0, 1)]
        if ends[0].utcoffset() != ends[1].utcoffset():
            yield day


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("zone", ZONES)
def test_syncs_are_when_dagster_ticks_and_once_a_day_also_when_clocks_change(
    zone: str, schedule: str
) -> None:
    organization = organization_with(zone, schedule)
    for day in clock_changes(organization.zone):
        start = datetime.combine(day - timedelta(days=3), time(12), UTC)
        dagster = cron_string_iterator(start.timestamp(), organization.schedule, zone)
        ticks = [datetime.fromtimestamp(next(dagster).timestamp(), UTC) for _ in range(6)]
        ours = [organization.next_sync(start)]
        while len(ours) < len(ticks):
            ours.append(organization.next_sync(ours[-1]))
        assert [each.astimezone(UTC) for each in ours] == ticks
        days = [organization.today(each) for each in ticks]
        assert days == [days[0] + timedelta(days=n) for n in range(6)]


@pytest.mark.parametrize(
    ("schedule", "gap", "quiet"),
    [
        ("0 2 * * *", timedelta(hours=24), time(3)),
        ("0 2,10,16 * * *", timedelta(hours=10), time(17)),
        ("*/30 8-17 * * *", timedelta(hours=14, minutes=30), time(18, 30)),
        ("*/15 * * * *", timedelta(minutes=15), time(0, 7)),
        ("30 23 * * *", timedelta(hours=24), time(0, 30)),
    ],
)
def test_the_quiet_time_is_in_the_largest_gap_between_ticks(
    schedule: str, gap: timedelta, quiet: time
) -> None:
    organization = organization_with("UTC", schedule)
    assert (organization.largest_gap, organization.quiet_time) == (gap, quiet)


@pytest.mark.parametrize(
    ("schedule", "warning"),
    [
        ("0 2 * * *", ""),
        ("59 22 * * *", ""),
        ("0 2,10,16 * * *", ""),
        ("0 23 * * *", "the schedule starts the sync at 23:00, in the last hour before midnight."),
        ("30 8,23 * * *", "the schedule starts the last sync of a day at 23:30, in the last hour"),
    ],
)
def test_a_tick_in_the_last_hour_before_midnight_is_warned_of(schedule: str, warning: str) -> None:
    said = organization_with("UTC", schedule).schedule_warning
    assert said.startswith(warning)
    assert bool(said) == bool(warning)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0 2 * * *", "0 2 * * *"),
        ("  05  02 * * * ", "5 2 * * *"),
        ("0 2 * * 0-6", "0 2 * * *"),
        ("0 2 1-31 JAN-DEC *", "0 2 * * *"),
        ("0 */24 * * *", "0 0 * * *"),
        ("0 16,2,10 * * *", "0 2,10,16 * * *"),
        ("*/30 8-10 * * *", "0,30 8,9,10 * * *"),
    ],
)
def test_a_schedule_is_kept_in_one_way_of_writing(written: str, kept: str) -> None:
    assert organization_with("Europe/Berlin", written).schedule == kept


@pytest.mark.parametrize(
    ("zone", "schedule", "words"),
    [
        ("UTC", "0 2 * * 1-5", "it has none on 2026-01-03"),
        ("UTC", "0 2 1 * *", "it has none on 2026-01-02"),
        ("UTC", "0 2 * 1-11 *", "it has none on 2026-12-01"),
        ("UTC", "0 2 1-30 * *", "it has none on 2026-01-31"),
        ("UTC", "0 2 1-28,30,31 * 1-6", "it has none on 2026-03-29"),
        ("UTC", "0 2 30 2 *", "must be five cron fields"),
        ("UTC", "0 2,10,16 * * 1-5", "it has none on 2026-01-03"),
        ("UTC", "@daily", "must be five cron fields"),
        ("UTC", "0 0 2 * * *", "must be five cron fields"),
        ("UTC", "0 24 * * *", "must be five cron fields"),
        ("UTC", "", "must be five cron fields"),
        ("UTC", f"0 {'9' * 5000} * * *", "must be five cron fields"),
        ("America/Nuuk", "30 23 * * *", "none on 2026-03-28, when the clocks of America/Nuuk skip"),
        ("America/Nuuk", "30 23 * * *", "skip 23:30"),
        ("America/Nuuk", "15,30 23 * * *", "none on 2026-03-28, when the clocks"),
        ("Antarctica/Troll", "30 1 * * *", "skip 01:30"),
    ],
)
def test_a_schedule_that_misses_a_day_is_refused_with_the_day(
    zone: str, schedule: str, words: str
) -> None:
    with pytest.raises(ValidationError, match="schedule") as raised:
        organization_with(zone, schedule)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("zone", "schedule"), [("America/Nuuk", "30 23 * * *"), ("Antarctica/Troll", "30 1 * * *")]
)
def test_dagster_too_would_miss_a_day_on_the_schedules_refused_for_clock_changes(
    zone: str, schedule: str
) -> None:
    start = datetime(2026, 3, 20, tzinfo=UTC)
    dagster = cron_string_iterator(start.timestamp(), schedule, zone)
    ticks = [datetime.fromtimestamp(next(dagster).timestamp(), ZoneInfo(zone)) for _ in range(20)]
    assert len({each.date() for each in ticks}) < len(ticks)


def test_a_schedule_is_judged_by_the_clocks_from_the_first_day_on() -> None:
    # In Samoa there was no 30 December 2011.
    with pytest.raises(ValidationError, match="it has none on 2011-12-30"):
        organization_with("Pacific/Apia", "0 2 * * *", first_day="2011-01-01")
    assert organization_with("Pacific/Apia", "0 2 * * *", first_day="2012-01-01")


def test_the_next_sync_is_strictly_after_the_moment_and_in_the_organizations_zone() -> None:
    organization = organization_with("Europe/Berlin", "30 2 * * *")
    tick = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    sync = organization.next_sync(tick - timedelta(seconds=1))
    assert sync == tick
    assert sync.isoformat() == "2026-11-23T02:30:00+01:00"
    assert organization.next_sync(tick) == tick + timedelta(days=1)


def test_in_an_hour_that_comes_twice_the_sync_is_in_the_second() -> None:
    organization = organization_with("Europe/Berlin", "30 2 * * *")
    first = datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=organization.zone)
    assert organization.next_sync(first).isoformat() == "2026-10-25T02:30:00+01:00"


def test_today_is_the_organizations_local_day() -> None:
    organization = organization_with("America/New_York", "0 2 * * *")
    assert organization.today(datetime(2026, 11, 23, 4, 59, tzinfo=UTC)) == date(2026, 11, 22)
    assert organization.today(datetime(2026, 11, 23, 5, 0, tzinfo=UTC)) == date(2026, 11, 23)
    with pytest.raises(ValueError, match="without a time zone"):
        organization.today(datetime(2026, 11, 23))  # noqa: DTZ001 - what must not be possible


# The folder


def test_one_bad_file_takes_down_no_other_organization(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST, "zeta.yaml")
    write(tmp_path, SMALLEST, "alpha.yml")
    write(tmp_path, "directories: [", "beta.yaml")
    write(tmp_path, SMALLEST + "guard: {}\n", "gamma.yaml")
    (tmp_path / "delta.yaml").mkdir()
    write(tmp_path, "an editor's lock", ".#zeta.yaml")
    write(tmp_path, "notes", "README.md")
    organizations = load_organizations(tmp_path)
    assert [(name, type(each)) for name, each in organizations.items()] == [
        ("alpha", Organization),
        ("beta", OrganizationFileError),
        ("delta", OrganizationFileError),
        ("gamma", OrganizationFileError),
        ("zeta", Organization),
    ]
    assert "did you mean guards?" in str(organizations["gamma"])


def test_a_file_with_a_name_that_no_organization_can_have_says_so(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST, "gamma-corp.yaml")
    assert str(load_organizations(tmp_path)["gamma-corp"]) == (
        "gamma-corp.yaml:1: the name of the file is the organization's, and gamma-corp is not a possible"
        " name; use a-z, 0-9 and _, beginning with a letter"
    )


def test_two_files_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST, "acme.yaml")
    write(tmp_path, SMALLEST, "acme.yml")
    assert "acme.yaml and acme.yml; keep one" in str(load_organizations(tmp_path)["acme"])


@pytest.mark.parametrize(
    ("old", "mistake"),
    [
        ("pin: [[okta/1, okta/2]]", "pin has another name since version 0.2: always_same."),
        ("part: [[okta/1, okta/2]]", "part has another name since version 0.2: never_same."),
        (
            "when_stale: hold",
            "when_stale cannot be hold: since version 0.2 that value is named use.",
        ),
        (
            "when_stale: yield",
            "when_stale cannot be yield: since version 0.2 that value is named lowest.",
        ),
        (
            "inactive_accounts: yield",
            "inactive_accounts cannot be yield: since version 0.2 that value is named lowest.",
        ),
    ],
)
def test_a_name_of_version_0_1_is_refused_with_its_line_and_the_new_name(
    tmp_path: Path, old: str, mistake: str
) -> None:
    path = write(tmp_path, f"{SMALLEST}resolution:\n  match: [email]\n  {old}\n")
    refused = str(refusal(path))
    assert refused.startswith(f"acme.yaml:10: resolution.{mistake}")
    assert refused.count("\n") == 0


def test_a_missing_folder_is_told_and_an_empty_one_has_no_organization(tmp_path: Path) -> None:
    assert load_organizations(tmp_path) == {}
    with pytest.raises(EnvironmentMistake, match=r"nowhere is not a folder"):
        load_organizations(tmp_path / "nowhere")


def test_the_standard_attributes_are_those_of_the_contract() -> None:
    assert len(set(STANDARD_ATTRIBUTES)) == 27
    assert {"user_name", "email", "cost_center", "manager", "active"} <= {*STANDARD_ATTRIBUTES}


def test_who_is_active_is_never_mapped(tmp_path: Path) -> None:
    text = SMALLEST + "    attributes: {active: isActive}\n"
    error = refusal(write(tmp_path, text))
    assert "directories.okta.attributes.active cannot be mapped" in str(error)
