"""The users of the account: the company's people as Google has them, and users that only Google has.

A user depends only on the Okta user and the seed, so that each day's account is the same whenever it is made.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opensense_okta.simulator.company.cast import Part, chance, display_name, rewritten
from opensense_okta.simulator.company.people import DOMAIN, People, Profile, dice
from opensense_okta.simulator.company.state import Json, State

CUSTOMER = "C03az79cb"
"""The customer's id, the same for all companies."""

ADMINISTRATOR = f"directory-sync@{DOMAIN}"
"""The administrator that is there for the sync alone."""

OWNER = f"owner@{DOMAIN}"
"""An alias, by which a person names a manager."""

TEST_DOMAIN = f"{DOMAIN}.test-google-a.com"
NEVER = "1970-01-01T00:00:00.000Z"
FOUNDED = "2021-11-19T04:50:39.000Z"
NO_NAME = "\u200b"
"""What Google shows as the missing name of a person with one name only."""


def user_id(*key: object) -> str:
    """A user's id: 21 digits, always the same for the same key."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return f"1{int.from_bytes(digest) % 10**20:020d}"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Makes the users of one company's people.

    Attributes:
        part_of: the part of an Okta user, if it has one.
        by_number: the login of each employee number, by which Okta profiles name managers.
    """

    org: State
    part_of: dict[str, str]
    by_number: dict[str, str]

    def exists(self, user: Json) -> bool:
        """Whether an Okta user has an account here, which is not deleted."""
        if self.part_of.get(user["id"]) in (Part.OKTA_ONLY, Part.LENDER):
            return False
        return user["status"] != "STAGED" and not self.is_deleted(user)

    def is_deleted(self, user: Json) -> bool:
        """Whether the account of a leaver is deleted; else it is suspended or archived."""
        gone = user["status"] == "DEPROVISIONED"
        return gone and chance(self.org.seed, "google deletes", user["id"]) < 0.4

    def user(self, user: Json) -> Json:
        """The user resource of an Okta user."""
        profile, status = user["profile"], user["status"]
        left = status in ("DEPROVISIONED", "SUSPENDED")
        archived = left and chance(self.org.seed, "archived", user["id"]) < 0.2
        login, local = str(profile["login"]), str(profile["login"]).partition("@")[0]
        nickname = chance(self.org.seed, "nickname", user["id"]) < 0.2
        own = [f"{local.replace('.', '')}@{DOMAIN}"] if nickname else []
        made = resource(
            user_id(self.org.seed, user["id"]),
            login,
            (str(profile["firstName"]), str(profile["lastName"])),
            suspended=left and not archived,
            archived=archived,
            creationTime=f"{user['created'][:19]}.000Z",
            lastLoginTime=f"{user['lastLogin'][:19]}.000Z" if user["lastLogin"] else NEVER,
            orgUnitPath=_org_unit(profile, left=left),
            aliases=own,
            **self._work(user),
            **_contact(self.org.seed, user),
        )
        if "displayName" in profile:
            made["name"]["displayName"] = display_name(profile)
        return {name: value for name, value in made.items() if value not in (None, [], {})}

    def _work(self, user: Json) -> Json:
        profile = user["profile"]
        number, manager = profile.get("employeeNumber"), str(profile.get("managerId"))
        organization = {
            "title": profile.get("title"),
            "department": profile.get("department"),
            "name": profile.get("organization"),
            "costCenter": profile.get("costCenter"),
            "description": profile.get("userType"),
        }
        entry = {name: value for name, value in organization.items() if value}
        numbered = number and chance(self.org.seed, "no google number", user["id"]) >= 0.1
        above = self.by_number.get(manager)
        return {
            # Without `primary` for a few, and with a former one before it for some others.
            "organizations": _organizations(entry, chance(self.org.seed, "primary", user["id"])),
            "externalIds": [{"value": number, "type": "organization"}] if numbered else [],
            "relations": [{"value": above, "type": "manager"}] if above else [],
            "customSchemas": _schemas(profile),
        }


def resource(
    id_: str,
    address: str,
    names: tuple[str, str],
    aliases: Iterable[str] = (),
    **more: object,
) -> Json:
    """A user as the API returns it, without what is not set."""
    first, last = names
    local = address.partition("@")[0]
    fixed = f"{local}@{TEST_DOMAIN}"
    emails: list[Json] = [{"address": address, "primary": True}]
    emails += [{"address": alias} for alias in aliases]
    return {
        "kind": "admin#directory#user",
        "id": id_,
        "etag": f'"{id_[-12:]}"',
        "primaryEmail": address,
        "name": {
            "givenName": first,
            "familyName": last,
            "fullName": f"{first} {last}",
        },
        "isAdmin": False,
        "isDelegatedAdmin": False,
        "lastLoginTime": NEVER,
        "creationTime": FOUNDED,
        "agreedToTerms": True,
        "suspended": False,
        "archived": False,
        "changePasswordAtNextLogin": False,
        "ipWhitelisted": False,
        "emails": [*emails, {"address": fixed}],
        "nonEditableAliases": [fixed],
        "customerId": CUSTOMER,
        "orgUnitPath": "/",
        "isMailboxSetup": True,
        "includeInGlobalAddressList": True,
        **({"aliases": list(aliases)} if aliases else {}),
        **more,
    }


def only_in_google(org: State, size: int) -> Iterator[Json]:
    """The administrator of the sync, and in larger companies odd users.

    They are a guest, a robot without a mailbox, an archived user and a person with one name.
    """
    seed = org.seed
    yield resource(
        user_id(seed, "administrator"), ADMINISTRATOR, ("Directory", "Sync"), isAdmin=True
    )
    if size < 10:
        return
    guest = f"ana_{DOMAIN}"
    yield resource(
        user_id(seed, "guest"),
        f"{guest}@{DOMAIN.partition('.')[0]}.guest.google",
        ("Ana", "Guest"),
        isGuestUser=True,
        guestAccountInfo={"primaryGuestEmail": "ana@partner.example"},
        isMailboxSetup=False,
        orgUnitPath="/Partners",
    )
    yield resource(  # with a manager who is no user any more
        user_id(seed, "robot"),
        f"scanner@{DOMAIN}",
        ("Scanner", "Lobby"),
        isMailboxSetup=False,
        relations=[{"value": f"left.long.ago@{DOMAIN}", "type": "manager"}],
    )
    yield resource(
        user_id(seed, "archived"),
        f"former.owner@{DOMAIN}",
        ("Former", "Owner"),
        aliases=[OWNER],
        archived=True,
        orgUnitPath="/Left",
        addresses=[{"type": "work", "streetAddress": "Pier 7", "extendedAddress": "Deck 2"}],
    )
    profile = People().profile(dice(seed, "one name"), 0)
    yield resource(
        user_id(seed, "one name"),
        f"mono@{DOMAIN}",
        (str(profile["firstName"]), NO_NAME),
        orgUnitPath="/Staff",
        addresses=[{"type": "work", "formatted": "Pier 7\nNew York"}],
        relations=[{"value": OWNER, "type": "manager"}],
    )


def _org_unit(profile: Profile, *, left: bool) -> str:
    if left:
        return "/Left"
    if profile.get("userType") != "Employee":
        return "/Contractors"
    department = profile.get("department")
    return f"/Staff/{department}" if department else "/Staff"


def _organizations(entry: Json, drawn: float) -> list[Json]:
    if not entry:
        return []
    if drawn < 0.1:
        return [entry]
    primary = {**entry, "primary": True, "customType": ""}
    if drawn < 0.2:
        return [{"title": "Apprentice", "customType": "", "department": "Training"}, primary]
    return [primary]


def _contact(seed: int, user: Json) -> Json:
    profile, key = user["profile"], user["id"]
    work, mobile = profile.get("primaryPhone"), profile.get("mobilePhone")
    if work and chance(seed, "google writes", key) < 0.2:
        work = rewritten(work)
    phones = [{"value": mobile, "type": "mobile"}] if mobile else []
    if chance(seed, "private phone", key) < 0.1:
        phones.insert(0, {"value": "+1 917 555 0199", "type": "home"})
    if work:
        phones.append({"value": work, "type": "work"})
    address = {
        "streetAddress": profile.get("streetAddress"),
        "locality": profile.get("city"),
        "region": profile.get("state"),
        "postalCode": profile.get("zipCode"),
        "countryCode": profile.get("countryCode"),
    }
    given = {name: value for name, value in address.items() if value}
    language = profile.get("preferredLanguage")
    desk = profile.get("deskNumber")
    spoken = [{"languageCode": language, "preference": "preferred"}] if language else []
    return {
        "phones": phones,
        "addresses": [{"type": "work", **given}] if given else [],
        "languages": spoken,
        "locations": [{"type": "desk", "area": "desk", "deskCode": desk}] if desk else [],
    }


def _schemas(profile: Profile) -> Json:
    """The values of the custom schema HR."""
    values: Json = {}
    if pronouns := profile.get("pronouns"):
        values["pronouns"] = pronouns
    if spoken := profile.get("languages"):
        values["languages"] = [{"type": "work", "value": language} for language in spoken]
    return {"HR": values} if values else {}
