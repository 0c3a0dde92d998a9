"""Checks single values of the organization file.

Each function returns the value, or raises a ValueError that says what is allowed.
"""

import re
from collections import Counter
from collections.abc import Sized
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from opensense_okta.config.secret import Secret
from opensense_okta.config.text import did_you_mean

MY_CUSTOMER = "my_customer"
"""Google's name for the account of the administrator who asks."""

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
"""Names that no attribute may have: columns of people, accounts, people_history and the exported changes."""

_SCHEMA_NAMES = ("main", "information_schema", "pg_catalog", "temp", "system", "directory")
"""Names that no directory may have: DuckDB's own schemas and catalogs, and `directory`, the name of the
published database. A directory's tables are in a schema with its name, and with these names `NAME.table`
would be taken or ambiguous."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[::1\])(:(?P<port>[0-9]{1,5}))?/*"
)
_HOST = re.compile(r"(https?:/*)?(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)+)([/?#:].*)?", re.DOTALL)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Dagster refuses other addresses.
_OWNER = re.compile(
    r"team:\S+|[a-z0-9][a-z0-9._%+-]*@[a-z0-9.-]+\.[a-z]{2,7}", re.IGNORECASE | re.ASCII
)
_CUSTOMER = re.compile(r"C[0-9a-z]{4,20}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s\"'<>]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


Values = TypeVar("Values", bound=Sized)

_FIRST_DAYS = (date(1970, 1, 1), date(2199, 12, 31))
"""The allowed dates: more than anybody needs, and few enough that calculations with dates never overflow."""


def not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def valid_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("is not a possible name; use a-z, 0-9 and _, beginning with a letter")
    return value


def valid_directory_name(value: str) -> str:
    if value in _SCHEMA_NAMES:
        raise ValueError("is a name the database needs itself; choose another for the directory")
    return valid_name(value)


def valid_attribute_name(value: str) -> str:
    if value in _OWN_COLUMNS:
        raise ValueError("is a column of its own; choose another name for the attribute")
    return valid_name(value)


def valid_account_name(value: str) -> str:
    directory, slash, account = value.partition("/")
    if not (directory and slash and account):
        raise ValueError("must name accounts as directory/id, such as okta/00u1")
    return value


def no_duplicates(values: tuple[str, ...]) -> tuple[str, ...]:
    for value, times in Counter(values).items():
        if times > 1:
            raise ValueError(f"must not name {value} twice")
    return values


def headers_by_name(written: object) -> object:
    """Columns as a mapping of names to headers; in a list, each name is also the header."""
    match written:
        case list() | tuple() if all(isinstance(name, str) for name in written):
            return {not_blank(name): name for name in no_duplicates(tuple(written))}
        case dict():
            return written
    raise ValueError(
        "must be a list such as [email, title], or a mapping of names to headers such as {title: Role}"
    )


def all_or_patterns(written: object) -> object:
    """Which are meant: true for all, or patterns."""
    match written:
        case bool():
            return ("*",) if written else None
        case list() | tuple() | None:
            return written
    raise ValueError('must be true, or a list of names such as ["Staff*"]')


def valid_header(value: str) -> str:
    """A header of a CSV that every reader sees as one text."""
    if value != value.strip() or not value.isprintable():
        raise ValueError("must not begin or end with a blank or have a control character")
    if not_blank(value)[0] in "=+-@":
        raise ValueError("must not begin with = + - or @, which a spreadsheet takes for a formula")
    if value.casefold() == "change":
        raise ValueError("must not be change, which is a column of the file of changes")
    return value


def not_empty(values: Values) -> Values:
    if not values:
        raise ValueError("must not be empty")
    return values


def at_least_two_accounts(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) < 2:
        raise ValueError("must list at least two accounts")
    return values


def valid_day(value: object) -> date:
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


def valid_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones())
        words = f"must be an IANA time zone such as America/New_York{hint}".rstrip(".")
        raise ValueError(words) from None
    return value


def valid_origin(value: str) -> str:
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


def valid_okta_endpoint(value: str) -> str:
    origin = valid_origin(value)
    tenant, _, domain = origin.partition(".")
    if tenant.endswith("-admin") and domain.startswith("okta"):
        api = f"{tenant.removesuffix('-admin')}.{domain}"
        raise ValueError(f"is the admin console's host, which is not the API's; write {api}")
    return origin


def valid_loopback_origin(value: str) -> str:
    origin = valid_origin(value)
    match = _ORIGIN.fullmatch(origin)
    if not match or match["host"] not in _LOOPBACK:
        raise ValueError(
            f"is for development only and must be on loopback ({', '.join(_LOOPBACK)})"
        )
    return origin


def valid_tenant(value: str) -> str:
    if not (_GUID.fullmatch(value) or _DOMAIN.fullmatch(value)):
        raise ValueError("must be the tenant's GUID or one of its domains, such as acme.com")
    return value


def valid_guid(value: str) -> str:
    if not _GUID.fullmatch(value):
        raise ValueError("must be a GUID such as 00000000-0000-0000-0000-000000000000")
    return value


def valid_customer(value: str) -> str:
    if value != MY_CUSTOMER and not _CUSTOMER.fullmatch(value):
        raise ValueError(f"must be {MY_CUSTOMER}, or the customer's ID such as C03az79cb")
    return value


def valid_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be an e-mail address such as sync@acme.com")
    return value


def valid_org_unit(value: str) -> str:
    if not value.startswith("/") or (value != "/" and value.endswith("/")):
        raise ValueError("must be a full path such as /Staff, or /Staff/* for the units below it")
    if "*" in value.removesuffix("/*"):
        raise ValueError("can have * only as its last part: /Staff/* is every unit below /Staff")
    return value


def valid_owner(value: str) -> str:
    if not _OWNER.fullmatch(value):
        raise ValueError("must be team:NAME or an e-mail address, such as team:directory")
    return value


def valid_single_character(value: str) -> str:
    if len(value) != 1 or value in '"\r\n\0':
        raise ValueError('must be one character, such as ";" or "\\t", and no quote or line break')
    return value


def valid_encoding(value: str) -> str:
    try:
        "".encode(value)
    except (LookupError, ValueError):
        raise ValueError("must be a text encoding that Python knows, such as utf-8") from None
    return value


Text = Annotated[str, AfterValidator(not_blank)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1)]
PerSecond = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100)]
Names = Annotated[tuple[Text, ...], AfterValidator(not_empty), AfterValidator(no_duplicates)]
OrgUnits = Annotated[
    tuple[Annotated[str, AfterValidator(valid_org_unit)], ...],
    AfterValidator(not_empty),
    AfterValidator(no_duplicates),
]
Columns = Annotated[
    dict[Text, Annotated[str, AfterValidator(valid_header)]],
    BeforeValidator(headers_by_name),
    AfterValidator(not_empty),
]
"""The names of columns in their order, each with its header."""
AttributePatterns = Annotated[dict[Text, Names], AfterValidator(not_empty)]
"""For attributes: patterns of their values, where `*` matches any characters. Case does not count."""
AllOrPatterns = Annotated[Names | None, BeforeValidator(all_or_patterns)]
Owners = Annotated[
    tuple[Annotated[str, AfterValidator(valid_owner)], ...],
    AfterValidator(not_empty),
    AfterValidator(no_duplicates),
]
Accounts = Annotated[
    tuple[Annotated[str, AfterValidator(valid_account_name)], ...],
    AfterValidator(at_least_two_accounts),
    AfterValidator(no_duplicates),
]


def valid_date_format(value: str) -> str:
    """A format of `strptime` that reads a date as it writes it."""
    day = date(2026, 11, 30)
    # Python and DuckDB read these two differently.
    if any(part in value.replace("%%", "") for part in ("%c", "%x")):
        raise ValueError("must not have %c or %x; write its parts, as in %d.%m.%Y or %m/%d/%Y")
    try:
        read = datetime.strptime(day.strftime(value), value).date()  # noqa: DTZ007 - only the date
    except ValueError:
        read = None
    if read != day:
        raise ValueError("must have year, month and day, as in %d.%m.%Y or %m/%d/%Y")
    return value


DateFormat = Annotated[str, AfterValidator(valid_date_format)]


def valid_file_location(written: object, info: ValidationInfo) -> object:
    """A relative path starts at the organization file's folder."""
    match written:
        case {"env": str()}:
            return Secret.model_validate(written)
        case str() if "://" in written:
            return written
        case str():
            return str(Path((info.context or {}).get("folder", ""), not_blank(written)))
        case Secret():
            return written
    raise ValueError("must be a path, a URL, or {env: NAME}")


Files = Annotated[Text | Secret, BeforeValidator(valid_file_location)]
"""A path, glob or URL (any that fsspec reads), or the environment variable that has one."""
