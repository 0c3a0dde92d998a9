"""The users of a tenant: the company's people as Entra has them, and users that only Entra has.

A person's account depends only on the Okta user and the seed, so that after a day only the accounts
of changed users are created again.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from opensense_okta.simulator.company.cast import (
    FRONT_DESK,
    NULL,
    OTHER_DEPARTMENT_NAMES,
    Part,
    chance,
    display_name,
    rewritten,
)
from opensense_okta.simulator.company.people import DOMAIN, People, Profile, dice, digits
from opensense_okta.simulator.company.state import Json, State
from opensense_okta.simulator.entra.properties import EXTENSION

INITIAL_DOMAIN = "acmeexample.onmicrosoft.com"
PARTNER = "partner.example"

_EXTRAS_SHARE = 25
"""Users for each contractor, guest and mailbox."""

_DIFFERENCES: dict[str, tuple[float, Part]] = {
    "title": (0.05, Part.AGREEING),
    "writing": (0.15, Part.REWRITTEN),
    "mobile": (0.05, Part.SECOND_PHONE),
    "department": (0.06, Part.REORGANIZED),
    "case": (0.10, Part.SHOUTING),
    "region": (0.10, Part.AGREEING),
    "no mail": (0.02, Part.MAILLESS),
    "no number": (0.10, Part.AGREEING),
}
"""The share of people for whom Entra has another value, and the part that always has one."""


def guid(*key: object) -> str:
    """An object id; always the same for the same key."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Creates the accounts of one company's people, without unset properties."""

    org: State
    part_of: dict[str, str]
    by_number: dict[str, str]

    def id_of(self, okta_id: str) -> str:
        """The object id of a person's account, whether it exists or not."""
        return guid(self.org.seed, okta_id)

    def exists(self, user: Json) -> bool:
        """Whether an Okta user has an account in the tenant."""
        part = self.part_of.get(user["id"])
        if part:
            return part not in (Part.OKTA_ONLY, Part.LENDER)
        if user["status"] == "STAGED":
            return False
        if user["status"] == "DEPROVISIONED":
            return chance(self.org.seed, "kept", user["id"]) < 0.5
        return chance(self.org.seed, "known", user["id"]) >= 0.04

    def account(self, user: Json) -> Json:
        """The account of an Okta user."""
        profile = user["profile"]
        differs = self._differences(user)
        account = {
            "id": self.id_of(user["id"]),
            "accountEnabled": user["status"] not in ("DEPROVISIONED", "SUSPENDED"),
            "createdDateTime": f"{user['created'][:19]}Z",
            "userPrincipalName": profile["login"],
            "userType": "Member",
            "displayName": display_name(profile),
            "givenName": profile["firstName"],
            "surname": profile["lastName"],
            "companyName": profile.get("organization"),
            "usageLocation": profile.get("countryCode"),
            "onPremisesExtensionAttributes": _extension_attributes(profile),
            EXTENSION: profile.get("deskNumber"),
        }
        account |= (
            self._work(user, differs)
            | _phones(self.org.seed, user, differs)
            | _address(profile, differs)
        )
        account |= self._mail(user, differs) | self._premises(user)
        return {name: value for name, value in account.items() if value not in (None, "")}

    def _differences(self, user: Json) -> Callable[[str], bool]:
        """A predicate: in which ways Entra's values of a person differ from Okta's."""
        part = self.part_of.get(user["id"])

        def differs(difference: str) -> bool:
            share, player = _DIFFERENCES[difference]
            if part:
                return part == player and part != Part.AGREEING
            return chance(self.org.seed, difference, user["id"]) < share

        return differs

    def _work(self, user: Json, differs: Callable[[str], bool]) -> Json:
        profile = user["profile"]
        title, department = profile.get("title"), profile.get("department")
        manager = self.by_number.get(str(profile.get("managerId")))
        number = profile.get("employeeNumber")
        return {
            "jobTitle": f"{title} II" if title and differs("title") else title,
            "department": OTHER_DEPARTMENT_NAMES.get(department, department)
            if differs("department")
            else department,
            "employeeId": None if differs("no number") else number,
            "employeeType": profile.get("userType"),
            "employeeOrgData": {
                "division": profile.get("division"),
                "costCenter": profile.get("costCenter"),
            },
            "manager": manager and self.id_of(manager),
        }

    def _mail(self, user: Json, differs: Callable[[str], bool]) -> Json:
        profile, lender = user["profile"], self.org.parts.get(Part.LENDER)
        mail = str(profile["email"])
        nickname = mail.partition("@")[0]
        numbered = bool(profile.get("employeeNumber")) and not differs("no number")
        if self.part_of.get(user["id"]) == Part.BORROWER and lender in self.org.users:
            mail = self.org.users[lender]["profile"]["email"]
        if differs("case"):
            mail = mail[0].upper() + mail[1:].replace("@a", "@A")
        if numbered and differs("no mail"):
            return {"mailNickname": nickname}
        aliases = [f"smtp:{nickname}@{INITIAL_DOMAIN}"]
        if second := profile.get("secondEmail"):
            return {
                "mail": mail,
                "mailNickname": nickname,
                "otherMails": [second],
                "proxyAddresses": [f"SMTP:{mail}", *aliases],
            }
        return {
            "mail": mail,
            "mailNickname": nickname,
            "proxyAddresses": [f"SMTP:{mail}", *aliases],
        }

    def _premises(self, user: Json) -> Json:
        """Properties of an account that comes from the company's Active Directory."""
        if chance(self.org.seed, "premises", user["id"]) >= 0.7:
            return {}
        object_guid = hashlib.blake2b(f"ad/{user['id']}".encode(), digest_size=16).digest()
        return {
            "onPremisesSyncEnabled": True,
            "onPremisesImmutableId": b64encode(object_guid).decode(),
            "onPremisesDomainName": "corp.acme.example",
            "onPremisesSamAccountName": user["profile"]["login"].partition("@")[0][:20],
        }


def only_in_entra(org: State, size: int) -> Iterator[Json]:
    """Contractors, guests, mailboxes and rooms of a company with `size` Okta users."""
    rng, people, created = dice(org.seed, "only in Entra"), People(), "2024-02-01T08:00:00Z"
    count = max(2, size // _EXTRAS_SHARE) if size else 0
    for number in range(count):
        profile = people.profile(rng, number)
        account = _contractor(profile, number) | {"id": guid(org.seed, "contractor", number)}
        yield account | {"createdDateTime": created}
    for number in range(count):
        profile = people.profile(rng, number)
        account = _guest(profile, number) | {"id": guid(org.seed, "guest", number)}
        yield account | {"createdDateTime": created}
    for number in range(count):
        account = _mailbox(number) | {"id": guid(org.seed, "mailbox", number)}
        yield account | {"createdDateTime": created}
    if size:
        yield _null() | {"id": guid(org.seed, "null"), "createdDateTime": created}


def _contractor(profile: Profile, number: int) -> Json:
    upn = f"ext-{number}.{str(profile['email']).partition('@')[0]}@{DOMAIN}"
    return {
        "accountEnabled": True,
        "userPrincipalName": upn,
        "userType": "Member",
        "displayName": f"{profile['firstName']} {profile['lastName']} (external)",
        "givenName": profile["firstName"],
        "surname": profile["lastName"],
        "mail": upn,
        "mailNickname": upn.partition("@")[0],
        "proxyAddresses": [f"SMTP:{upn}"],
        "jobTitle": "Contractor",
        "companyName": "Partner Ltd",
        "employeeType": "Contractor",
    }


def _guest(profile: Profile, number: int) -> Json:
    """An employee of another company, with few properties (users_select_38_users)."""
    name = f"{str(profile['email']).partition('@')[0]}{number}"
    mail = f"{name}@{PARTNER}"
    full_name = f"{profile['firstName']} {profile['lastName']}"
    return {
        "accountEnabled": True,
        "userPrincipalName": f"{name}_{PARTNER}#EXT#@{INITIAL_DOMAIN}",
        "userType": "Guest",
        "externalUserState": "Accepted" if number % 3 else "PendingAcceptance",
        "creationType": "Invitation",
        "displayName": mail if number % 3 == 1 else full_name,
        "mail": mail,
        "otherMails": [mail],
        "proxyAddresses": [f"SMTP:{mail}"],
    }


def _mailbox(number: int) -> Json:
    """A shared mailbox or a room: a user without login. The first is the front desk."""
    kind, name = ("Front Desk", "frontdesk") if not number else ("Room", f"room{number:03d}")
    mail = FRONT_DESK if not number else f"{name}@{DOMAIN}"
    return {
        "accountEnabled": False,
        "userPrincipalName": mail,
        "userType": "Member",
        "displayName": f"{kind} {number}" if number else kind,
        "mail": mail,
        "mailNickname": name,
        "proxyAddresses": [f"SMTP:{mail}"],
    }


def _null() -> Json:
    first, last, mail, number = NULL
    return {
        "accountEnabled": True,
        "userPrincipalName": mail,
        "userType": "Member",
        "displayName": f"{first} {last}",
        "givenName": first,
        "surname": last,
        "mail": mail,
        "mailNickname": mail.partition("@")[0],
        "proxyAddresses": [f"SMTP:{mail}"],
        "employeeId": number,
        "jobTitle": "Counsel",
        "department": "Legal",
    }


def _phones(seed: int, user: Json, differs: Callable[[str], bool]) -> Json:
    profile = user["profile"]
    work, mobile = profile.get("primaryPhone"), profile.get("mobilePhone")
    if differs("writing"):
        work, mobile = work and rewritten(work), mobile and rewritten(mobile)
    if mobile and differs("mobile"):
        mobile = digits(dice(seed, "mobile", user["id"]), "+1 347 555 0###")
    return {"businessPhones": [work] if work else None, "mobilePhone": mobile}


def _address(profile: Profile, differs: Callable[[str], bool]) -> Json:
    language, country = profile.get("preferredLanguage"), profile.get("countryCode")
    return {
        "officeLocation": profile.get("city"),
        "streetAddress": profile.get("streetAddress"),
        "city": profile.get("city"),
        "state": profile.get("state"),
        "postalCode": profile.get("zipCode"),
        "country": country,
        "preferredLanguage": f"{language}-{country}"
        if language and differs("region")
        else language,
    }


def _extension_attributes(profile: Profile) -> Json | None:
    """The set attributes among the fifteen."""
    pronouns = profile.get("pronouns")
    return {"extensionAttribute1": pronouns} if pronouns else None
