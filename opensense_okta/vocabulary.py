"""The common vocabulary: SCIM's attributes (RFC 7643) in snake_case, and where each kind keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass

from opensense_okta.organization import STANDARD_ATTRIBUTES, OktaDirectory

ATTRIBUTES = tuple(name for name in STANDARD_ATTRIBUTES if name != "active")
"""All text. `active`, the boolean one, follows from the account's status."""

Fields = tuple[str, ...]
"""Source fields joined with a blank in between; nearly always one."""

OKTA: Mapping[str, tuple[Fields, ...]] = {
    "user_name": (("login",),),
    "given_name": (("firstName",),),
    "family_name": (("lastName",),),
    "display_name": (("displayName",), ("firstName", "lastName")),
    "email": (("email",),),
    "title": (("title",),),
    "department": (("department",),),
    "division": (("division",),),
    "organization": (("organization",),),
    "cost_center": (("costCenter",),),
    "employee_number": (("employeeNumber",),),
    "manager": (("managerId",), ("manager",)),
    "work_phone": (("primaryPhone",),),
    "mobile_phone": (("mobilePhone",),),
    "street_address": (("streetAddress",),),
    "locality": (("city",),),
    "region": (("state",),),
    "postal_code": (("zipCode",),),
    "country": (("countryCode",),),
    "preferred_language": (("preferredLanguage",),),
    "locale": (("locale",),),
    "timezone": (("timezone",),),
    "user_type": (("userType",),),
}
"""Okta's profile fields for each attribute, first filled wins."""

OKTA_ACTIVE = ("ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY")


@dataclass(frozen=True)
class Mapped:
    """One row of a directory's mapping: of several for an attribute the first filled one counts."""

    attribute: str
    position: int
    field: str
    and_field: str | None


def mapping(directory: OktaDirectory) -> list[Mapped]:
    """Where a directory's values come from: its kind's table, with what its `attributes` say instead."""
    declared = {name: ((field,),) for name, field in directory.attributes.items()}
    return [
        Mapped(attribute, position, fields[0], fields[1] if len(fields) > 1 else None)
        for attribute, choices in {**OKTA, **declared}.items()
        for position, fields in enumerate(choices, start=1)
    ]


def attributes(directories: Mapping[str, OktaDirectory]) -> list[str]:
    """Every text attribute that people can have, in the order of the tables' columns."""
    declared = [name for directory in directories.values() for name in directory.attributes]
    return list(dict.fromkeys([*ATTRIBUTES, *declared]))
