"""The cast: people who have a special case in the three directories, Okta, Entra and the HR file.

The values of all other people are mostly equal, and differ by chance (`chance`). The cast has the same
cases in every company, so that a small company also has every kind of conflict when its people are
matched by `[employee_number, email]`:

| part | in Okta | in Entra | in HR | conflict |
|---|---|---|---|---|
| AGREEING | a user | the same | the same | none |
| PROMOTED | the old title | the old title | the new title | value (title) |
| REWRITTEN | a phone | the same in another format | the same | none |
| SECOND_PHONE | a mobile | another mobile | Okta's | value (mobile_phone) |
| REORGANIZED | a department | its other name | Okta's | value (department) |
| SHOUTING | an e-mail | in other letter case | in lower case | none |
| MAILLESS | an e-mail | no mail, only the UPN | the e-mail | none |
| OKTA_ONLY | a user | nobody | nobody | none |
| LEFT | active | enabled | `active` is false | none |
| REHIRED | one user | one user | two rows, two numbers, one e-mail | duplicate_in_directory |
| HANDED_ON | the leaver | the leaver | only a new hire with the leaver's e-mail | contradictory_match |
| BORROWER | a user with a number | has LENDER's address | Okta's e-mail | bridged_match |
| LENDER | a user without a number | nobody | nobody | bridged_match |
| NAMESAKE | a user | the same | the same, and another person of that name | none |
| | nobody | mailbox frontdesk@ | two people with that e-mail | ambiguous_match |
| | nobody | a member called Null | the same | none |
| | nobody | contractors, guests, mailboxes | nobody | none |
| | nobody | nobody | people who have not started | none |
"""

from collections.abc import Callable
from enum import StrEnum, auto
from zlib import crc32

from opensense_okta.simulator.company.people import DOMAIN, Profile
from opensense_okta.simulator.company.state import State

ADMINISTRATORS = 3
"""How many of the first users are administrators of the org, without a part."""

FRONT_DESK = f"frontdesk@{DOMAIN}"
"""The e-mail address of an Entra mailbox and of two people in the HR file."""

NULL = ("Jennifer", "Null", f"jennifer.null@{DOMAIN}", "900031")
"""First name, last name, e-mail and employee number of a person with an awkward name."""

OTHER_DEPARTMENT_NAMES = {
    "Engineering": "Engineering & Platform",
    "Product Design": "Design",
    "Sales": "Sales EMEA/AMER",
    "Marketing": "Brand and Marketing",
    "Customer Success": "Client Success",
    "Finance": "Finance & Accounting",
    "People": "Human Resources",
    "Legal": "Legal Affairs",
    "Operations": "Business Operations",
    "IT": "Information Technology",
}


class Part(StrEnum):
    """A case; the table of the module describes it."""

    AGREEING = auto()
    PROMOTED = auto()
    REWRITTEN = auto()
    SECOND_PHONE = auto()
    REORGANIZED = auto()
    SHOUTING = auto()
    MAILLESS = auto()
    OKTA_ONLY = auto()
    LEFT = auto()
    REHIRED = auto()
    HANDED_ON = auto()
    BORROWER = auto()
    NAMESAKE = auto()
    LENDER = auto()


def assign(org: State) -> dict[str, str]:
    """The Okta user of each part, chosen once, when the org is created.

    A very small company does not have all parts.
    """
    candidates = [
        user_id
        for user_id in org.user_ids[ADMINISTRATORS:]
        if org.users[user_id]["status"] == "ACTIVE"
    ]
    parts: dict[str, str] = {}
    for part in Part:
        is_suitable = _SUITABLE.get(part, _has_number)
        for user_id in candidates:
            if is_suitable(org.users[user_id]["profile"]):
                parts[part] = user_id
                candidates.remove(user_id)
                break
    return parts


def chance(*key: object) -> float:
    """A number from 0 to 1; always the same for the same key."""
    return crc32("/".join(map(str, key)).encode()) / 2**32


def rewritten(phone: str) -> str:
    """The same phone number without spaces and signs."""
    if not phone.startswith("+"):
        return phone
    return "+" + "".join(character for character in phone if character.isdecimal())


def display_name(profile: Profile) -> str:
    """A person's full name."""
    return str(profile.get("displayName") or f"{profile['firstName']} {profile['lastName']}")


def _has_number(profile: Profile) -> bool:
    return bool(profile.get("employeeNumber"))


_SUITABLE: dict[Part, Callable[[Profile], bool]] = {
    Part.PROMOTED: lambda profile: _has_number(profile) and bool(profile["title"]),
    Part.REWRITTEN: lambda profile: (
        _has_number(profile) and str(profile.get("primaryPhone")).startswith("+")
    ),
    Part.SECOND_PHONE: lambda profile: _has_number(profile) and bool(profile["mobilePhone"]),
    Part.LENDER: lambda profile: not _has_number(profile),
}
"""What a part requires of its user, if it is not just an employee number."""
