"""Accounts in the common vocabulary: what becomes of an Okta profile."""

from pathlib import Path

import pytest

from opensense_okta.config.attributes import ATTRIBUTES
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.stored import (
    DAY,
    Profile,
    Row,
    columns_of,
    organization,
    resolved,
    resolved_file,
    store,
    user,
)

DECLARED = {
    "desk": "deskNumber",
    "email": "secondEmail",
    "odd": "a/b~c.d",
    "quoted": 'it\'s a "key"',
    "accented": "größe",
    # Names that SQL knows, and those of the tables the accounts are made of.
    "order": "order",
    "value": "value",
    "attribute": "attribute",
    "account_id": "accountId",
    "profile": "profile",
}

# The column `okta profile` of the contract, and then what is a value.
PROFILES: dict[str, tuple[Profile, Row]] = {
    "login": ({"login": "ada@acme.test"}, {"user_name": "ada@acme.test"}),
    "firstName": ({"firstName": "Ada"}, {"given_name": "Ada", "display_name": "Ada"}),
    "lastName": ({"lastName": "King"}, {"family_name": "King", "display_name": "King"}),
    "displayName": ({"displayName": "Countess"}, {"display_name": "Countess"}),
    "title": ({"title": "Engineer"}, {"title": "Engineer"}),
    "department": ({"department": "R&D"}, {"department": "R&D"}),
    "division": ({"division": "East"}, {"division": "East"}),
    "organization": ({"organization": "Acme"}, {"organization": "Acme"}),
    "costCenter": ({"costCenter": "0042"}, {"cost_center": "0042"}),
    "employeeNumber": ({"employeeNumber": "007"}, {"employee_number": "007"}),
    "managerId": ({"managerId": "12"}, {"manager": "12"}),
    "manager": ({"manager": "Grace"}, {"manager": "Grace"}),
    "primaryPhone": ({"primaryPhone": "+1 555"}, {"work_phone": "+1 555"}),
    "mobilePhone": ({"mobilePhone": "+49 170"}, {"mobile_phone": "+49 170"}),
    "streetAddress": ({"streetAddress": "1 Main St"}, {"street_address": "1 Main St"}),
    "city": ({"city": "Oslo"}, {"locality": "Oslo"}),
    "state": ({"state": "NY"}, {"region": "NY"}),
    "zipCode": ({"zipCode": "01234"}, {"postal_code": "01234"}),
    "countryCode": ({"countryCode": "NO"}, {"country": "NO"}),
    "preferredLanguage": ({"preferredLanguage": "nb"}, {"preferred_language": "nb"}),
    "locale": ({"locale": "nb_NO"}, {"locale": "nb_NO"}),
    "timezone": ({"timezone": "Europe/Oslo"}, {"timezone": "Europe/Oslo"}),
    "userType": ({"userType": "Contractor"}, {"user_type": "Contractor"}),
    "the first filled field wins": (
        {"managerId": "12", "manager": "Grace"},
        {"manager": "12"},
    ),
    "a blank field leaves the word to the next": (
        {"managerId": " ", "manager": "Grace"},
        {"manager": "Grace"},
    ),
    "a display name before one made of the parts": (
        {"displayName": "Countess", "firstName": "Ada", "lastName": "King"},
        {"display_name": "Countess", "given_name": "Ada", "family_name": "King"},
    ),
    "a display name made of the parts": (
        {"displayName": None, "firstName": " Ada ", "lastName": "King\u00a0"},
        {"display_name": "Ada King", "given_name": " Ada ", "family_name": "King\u00a0"},
    ),
    "a display name made of the one part that is filled": (
        {"displayName": "", "firstName": "\u2003", "lastName": "King"},
        {"display_name": "King", "family_name": "King"},
    ),
    "an attribute declared by the organization": ({"deskNumber": "4-2"}, {"desk": "4-2"}),
    "a declared field instead of the usual one": (
        {"email": "ada@acme.test", "secondEmail": "ada@home.test"},
        {"email": "ada@home.test"},
    ),
    "the usual field no more, once another is declared": ({"email": "ada@acme.test"}, {}),
    "a field with JSON pointer's own characters": ({"a/b~c.d": "yes"}, {"odd": "yes"}),
    "not the way that the field's name looks like": ({"a": {"b~c": {"d": "no"}}}, {}),
    "a field with quotes": ({'it\'s a "key"': "yes"}, {"quoted": "yes"}),
    "a field that is not ASCII": ({"größe": "XL"}, {"accented": "XL"}),
    "attributes named like something of SQL's": (
        {"order": "1", "value": "2", "attribute": "3", "accountId": "4", "profile": "5"},
        {"order": "1", "value": "2", "attribute": "3", "account_id": "4", "profile": "5"},
    ),
    "a value as it was written": (
        {"title": " Ingénieure  d'État\n"},
        {"title": " Ingénieure  d'État\n"},
    ),
    "any script": (
        {"firstName": "静香", "lastName": "सिंह"},
        {"given_name": "静香", "family_name": "सिंह", "display_name": "静香 सिंह"},
    ),
    "an emoji and half of one": ({"title": "🦊 \ufffd"}, {"title": "🦊 \ufffd"}),
    "a number as text": (
        {"employeeNumber": 42, "costCenter": 1.5},
        {"employee_number": "42", "cost_center": "1.5"},
    ),
    "true as text": ({"userType": True}, {"user_type": "true"}),
    "a list as JSON": ({"deskNumber": ["a", "b"]}, {"desk": '["a","b"]'}),
    "a field nobody has declared nowhere": ({"shoeSize": "38"}, {}),
    "nothing from an empty profile": ({}, {}),
}

WHITE_SPACE = {
    "an empty string": "",
    "a blank": " ",
    "a tab and a line break": "\t\r\n",
    "a vertical tab": "\x0b",
    "a unit separator": "\x1f",
    "a next line": "\x85",
    "a no-break space": "\u00a0",
    "an em space": "\u2003",
    "an ideographic space": "\u3000",
    "a line separator": "\u2028",
}  # fmt: skip

PROFILES |= {
    f"no value from {name}": ({"title": blank, "firstName": blank, "lastName": blank}, {})
    for name, blank in WHITE_SPACE.items()
}
PROFILES["no value from null"] = ({"title": None, "displayName": None}, {})

ACTIVE = {
    "ACTIVE": True,
    "PROVISIONED": True,
    "PASSWORD_EXPIRED": True,
    "LOCKED_OUT": True,
    "RECOVERY": True,
    "STAGED": False,
    "SUSPENDED": False,
    "DEPROVISIONED": False,
    "HIBERNATING": False,
    "active": False,
    "": False,
    None: False,
}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Row]:
    """The accounts of all profiles and statuses above, by id."""
    lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
    users = [user(name, profile) for name, (profile, _) in PROFILES.items()]
    users += [user(f"status {status}", status=status) for status in ACTIVE]
    store(lake, users)
    resolve(organization(attributes=DECLARED), DAY, lake)
    return {row["id"]: row for row in resolved(lake, "accounts")}


@pytest.mark.parametrize("name", PROFILES)
def test_an_account_has(accounts: dict[object, Row], name: str) -> None:
    _, expected = PROFILES[name]
    values = {attribute: accounts[name][attribute] for attribute in (*ATTRIBUTES, *DECLARED)}
    assert {
        attribute: value for attribute, value in values.items() if value is not None
    } == expected


@pytest.mark.parametrize("status", ACTIVE)
def test_active_follows_from_the_status(accounts: dict[object, Row], status: str | None) -> None:
    account = accounts[f"status {status}"]
    assert (account["status"], account["active"]) == (status, ACTIVE[status])


def test_an_account_has_its_person_id(accounts: dict[object, Row]) -> None:
    assert {row["directory"] for row in accounts.values()} == {"okta"}
    assert len({row["person_id"] for row in accounts.values()}) == len(accounts)


def test_each_attribute_has_one_column(tmp_path: Path) -> None:
    lake = Lake(tmp_path, "acme")
    store(lake)
    resolve(organization(), DAY, lake)
    columns = list(columns_of(resolved_file(lake, "accounts")))
    assert columns == ["directory", "id", "person_id", "status", "active", *ATTRIBUTES]
