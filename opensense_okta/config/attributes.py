"""The common attributes: SCIM's (RFC 7643) in snake_case, and their source fields by kind of directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opensense_okta.config.directory_models import (
    CsvDirectory,
    Directory,
    EntraDirectory,
    GoogleDirectory,
)
from opensense_okta.config.models import Organization
from opensense_okta.config.sources import Item, Join, Prefixed, Source, Values, fields_of

# fmt: off
STANDARD_ATTRIBUTES = (
    "user_name", "given_name", "family_name", "display_name", "email",
    "title", "department", "division", "organization", "cost_center",
    "employee_number", "manager", "work_phone", "mobile_phone",
    "street_address", "locality", "region", "postal_code", "country",
    "preferred_language", "locale", "timezone", "user_type", "active", "start_date", "end_date", "aliases",
)
# fmt: on
"""The attributes every organization has: SCIM's (RFC 7643), in snake_case."""

PHONES = ("work_phone", "mobile_phone")
"""The standard attributes that are phone numbers. An attribute of the organization's own may be one, too."""

DATES = ("start_date", "end_date")
"""The attributes that are dates: the first and the last day on which somebody works for the company."""

LISTS = ("aliases",)
"""The standard attributes that are lists of texts."""

OTHER_COLUMNS = ("person_id", "manager_id", "directories", "accounts")
"""Columns of `people` that no directory provides: exported only if the organization file lists them."""

GROUPS = "groups"
"""A column of an export with the names of the person's groups, unless an attribute has this name."""

OF_MANAGER = "manager."
MANAGER_COLUMNS = tuple(OF_MANAGER + name for name in STANDARD_ATTRIBUTES if name != "manager")
"""Columns of an export with a value of the person's manager."""

ATTRIBUTES = tuple(name for name in STANDARD_ATTRIBUTES if name != "active")
"""Texts, dates or lists of texts. `active` is boolean and follows from the account's status."""

OKTA: Mapping[str, tuple[Source, ...]] = {
    "user_name": ("login",),
    "given_name": ("firstName",),
    "family_name": ("lastName",),
    "display_name": ("displayName", Join(join=("firstName", "lastName"))),
    "email": ("email",),
    "title": ("title",),
    "department": ("department",),
    "division": ("division",),
    "organization": ("organization",),
    "cost_center": ("costCenter",),
    "employee_number": ("employeeNumber",),
    "manager": ("managerId", "manager"),
    "work_phone": ("primaryPhone",),
    "mobile_phone": ("mobilePhone",),
    "street_address": ("streetAddress",),
    "locality": ("city",),
    "region": ("state",),
    "postal_code": ("zipCode",),
    "country": ("countryCode",),
    "preferred_language": ("preferredLanguage",),
    "locale": ("locale",),
    "timezone": ("timezone",),
    "user_type": ("userType",),
}
"""Okta's profile fields for each attribute; the first filled one is used."""

ENTRA: Mapping[str, tuple[Source, ...]] = {
    "user_name": ("userPrincipalName",),
    "given_name": ("givenName",),
    "family_name": ("surname",),
    "display_name": ("displayName",),
    "email": ("mail",),
    "title": ("jobTitle",),
    "department": ("department",),
    "organization": ("companyName",),
    "employee_number": ("employeeId",),
    "manager": ("manager/id",),
    "work_phone": ("businessPhones/0",),
    "mobile_phone": ("mobilePhone",),
    "street_address": ("streetAddress",),
    "locality": ("city",),
    "region": ("state",),
    "postal_code": ("postalCode",),
    "country": ("country",),
    "preferred_language": ("preferredLanguage",),
    "user_type": ("userType",),
    "aliases": (Prefixed(array="proxyAddresses", prefix="smtp:"),),
}
"""The properties of a Graph user (docs/entra-api.md, "User properties"); a slash leads to a part of one."""

ANY: tuple[str, ...] = ()
_ORGANIZATION = (("primary=true",), ("type=work",), ANY)
_WORK = (("type=work",),)
_PRIMARY = (  # of type home are private
    ("primary=true", "type="),
    ("primary=true", "type=other"),
    ("primary=true", "type=custom"),
)


def _address(part: str, addition: str = "") -> tuple[Item, ...]:
    return tuple(Item("addresses", choices, part, addition) for choices in (_WORK, _PRIMARY))


GOOGLE: Mapping[str, tuple[Source, ...]] = {
    "user_name": ("primaryEmail",),
    "given_name": ("name.givenName",),
    "family_name": ("name.familyName",),
    "display_name": (
        "name.displayName",
        "name.fullName",
        Join(join=("name.givenName", "name.familyName")),
    ),
    "email": ("primaryEmail",),
    "title": (Item("organizations", _ORGANIZATION, "title"),),
    "department": (Item("organizations", _ORGANIZATION, "department"),),
    "organization": (Item("organizations", _ORGANIZATION, "name"),),
    "cost_center": (Item("organizations", _ORGANIZATION, "costCenter"),),
    "employee_number": (Item("externalIds", (("type=organization",),), "value"),),
    "manager": (Item("relations", (("type=manager",),), "value"),),
    "work_phone": (
        Item("phones", (("type=work", "primary=true"), ("type=work",)), "value"),
        Item("phones", (("type=main",),), "value"),
        Item("phones", (("type=company_main",),), "value"),
    ),
    "mobile_phone": (
        Item("phones", (("type=mobile", "primary=true"), ("type=mobile",)), "value"),
        Item("phones", (("type=work_mobile",),), "value"),
    ),
    "street_address": (
        *_address("streetAddress", "extendedAddress"),
        Item("addresses", _WORK, "formatted"),
    ),
    "locality": _address("locality"),
    "region": _address("region"),
    "postal_code": _address("postalCode"),
    "country": (*_address("countryCode"), *_address("country")),
    "preferred_language": (Item("languages", (("preference=preferred",), ANY), "languageCode"),),
    "user_type": (Item("organizations", _ORGANIZATION, "description"),),
    "aliases": ("aliases",),
}
"""The fields of a Google user (docs/google-api.md, "User fields"); a dot leads to a part of one."""

_TYPED = ("addresses", "externalIds", "locations", "phones", "relations")
"""Arrays of a Google user whose objects have types, so that `locations.desk.deskCode` is a field."""

MAPPINGS: Mapping[str, Mapping[str, tuple[Source, ...]]] = {
    "okta": OKTA,
    "entra": ENTRA,
    "google": GOOGLE,
}
"""The table of each kind that has one."""

ACTIVE: Mapping[str, tuple[str, ...]] = {
    "okta": ("ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY"),
    "entra": ("ENABLED",),
    "google": ("active",),
    "csv": ("ACTIVE",),
}
"""The account statuses that count as active, by kind of directory; all others do not."""


@dataclass(frozen=True)
class Mapped:
    """One row of a directory's mapping. If an attribute has several, the first filled one is used."""

    attribute: str
    position: int
    source: Source


def mapping(directory: Directory, known: Sequence[str] = ATTRIBUTES) -> list[Mapped]:
    """The sources of a directory's attributes: the table of its kind, overridden by its `attributes`.

    Args:
        directory: its settings.
        known: every attribute of the organization; a CSV column of the same name needs no mapping.
    """
    if isinstance(directory, CsvDirectory):
        table: Mapping[str, tuple[Source, ...]] = {name: (name,) for name in known}
    else:
        table = MAPPINGS[directory.kind]
    declared: Mapping[str, tuple[Source, ...]] = directory.attributes
    if isinstance(directory, GoogleDirectory):
        declared = {name: tuple(map(_part, sources)) for name, sources in declared.items()}
    return [
        Mapped(attribute, position, source)
        for attribute, sources in {**table, **declared}.items()
        for position, source in enumerate(sources, start=1)
        if attribute != "active"
    ]


def _part(source: Source) -> Source:
    """A field of a Google user; a part of an array is that of the object that the table would choose."""
    names = source.split(".") if isinstance(source, str) else []
    match names:
        case ["organizations", part]:
            return Item("organizations", _ORGANIZATION, part)
        case [array, kind, part] if array in _TYPED:
            return Item(array, ((f"type={kind}",),), part)
        case ["customSchemas", *_]:
            return Values(".".join(names))
    return source


def source_fields(directory: Directory, attribute: str | None = None) -> list[str]:
    """The fields of a record that an attribute needs, in the order of its sources; None: every attribute."""
    fields = [
        field
        for mapped in mapping(directory, ATTRIBUTES if attribute is None else (attribute,))
        if attribute in (None, mapped.attribute)
        for field in fields_of(mapped.source)
    ]
    return list(dict.fromkeys(fields))


def pointer(directory: Directory, field: str) -> str:
    """The JSON pointer (RFC 6901) to a field in the profiles of a directory."""
    if isinstance(directory, EntraDirectory):  # property names have no slash or tilde
        return f"/{field}"
    if isinstance(directory, GoogleDirectory):
        return "/" + field.replace(".", "/")
    return "/" + field.replace("~", "~0").replace("/", "~1")


def attributes(organization: Organization) -> list[str]:
    """Every attribute but `active` that people can have, in the order of the tables' columns."""
    declared = [name for d in organization.directories.values() for name in d.attributes]
    known = dict.fromkeys([*ATTRIBUTES, *declared, *list_attributes(organization)])
    return [name for name in known if name != "active"]


def list_attributes(organization: Organization) -> list[str]:
    """The attributes that are lists."""
    rules = organization.resolution.attributes
    return list(dict.fromkeys([*LISTS, *(name for name, rule in rules.items() if rule.merge)]))
