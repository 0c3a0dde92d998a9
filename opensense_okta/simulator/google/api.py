"""The endpoints of the Directory API: users, groups, members, and the customer."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.company.cast import chance
from opensense_okta.simulator.company.people import DOMAIN
from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.fields import Mask, masked
from opensense_okta.simulator.google.groups import EVERYBODY, USER, Member
from opensense_okta.simulator.google.listing import Page, cut, read_page
from opensense_okta.simulator.google.messages import JSON, refused
from opensense_okta.simulator.google.people import CUSTOMER
from opensense_okta.simulator.messages import Call, Reply

USERS_PER_PAGE, GROUPS_PER_PAGE = 500, 200
"""The most rows of a page; members have as many as groups."""

# fmt: off
USER_FIELDS = frozenset((
    "addresses", "agreedToTerms", "aliases", "archived", "changePasswordAtNextLogin", "creationTime",
    "customSchemas", "customerId", "deletionTime", "emails", "etag", "externalIds", "guestAccountInfo", "id",
    "includeInGlobalAddressList", "ipWhitelisted", "isAdmin", "isDelegatedAdmin", "isEnforcedIn2Sv",
    "isEnrolledIn2Sv", "isGuestUser", "isMailboxSetup", "keywords", "kind", "languages", "lastLoginTime",
    "locations", "name", "nonEditableAliases", "notes", "orgUnitPath", "organizations", "phones",
    "primaryEmail", "recoveryEmail", "recoveryPhone", "relations", "suspended", "suspensionReason",
    "suspensionTime", "archivalTime", "thumbnailPhotoEtag", "thumbnailPhotoUrl", "websites", "gender", "ims",
))
GROUP_FIELDS = frozenset((
    "adminCreated", "aliases", "description", "directMembersCount", "email", "etag", "externalIds", "id",
    "kind", "name", "nonEditableAliases",
))
MEMBER_FIELDS = frozenset((
    "delivery_settings", "email", "etag", "id", "kind", "role", "status", "type",
))
# fmt: on

_CLAUSE = re.compile(r"(?P<field>[A-Za-z]+)(?P<how>[=:])(?:'(?P<quoted>[^']*)'|(?P<plain>\S+))\s*")


class Api:
    """The endpoints of one account.

    Attributes:
        hidden_from: org units that an administrator sees alone, by the administrator's id.
    """

    def __init__(self, account: Account, clock: Clock) -> None:
        self.only_units: dict[str, str] = {}
        self._account = account
        self._clock = clock
        self._revision = -1
        self._encoded: dict[tuple[str, str], dict[str, bytes]] = {}

    def list_users(self, call: Call, subject: str) -> Reply:
        """GET /users."""
        self._check_customer(call, subject, needed=True)
        page = self._page(call, USERS_PER_PAGE, usual=100)
        mask, projection = page.of_rows("users", USER_FIELDS), call.query.get("projection", "basic")
        if projection == "custom" and "customFieldMask" not in call.query:
            raise refused("invalid", "Invalid Input: custom_field_mask")
        users: Sequence[Json] = self._account.users
        if call.query.get("showDeleted") == "true":
            users = self._account.deleted_users
        users = _matching(users, call.query.get("query", ""))
        if domain := call.query.get("domain"):
            users = [user for user in users if user["primaryEmail"].endswith(f"@{domain}")]
        if unit := self.only_units.get(subject):
            users = [user for user in users if f"{user['orgUnitPath']}/".startswith(f"{unit}/")]

        def encode(user: Json) -> bytes:
            return msgspec.json.encode(masked(_projected(user, call), mask))

        return self._listing(
            call,
            page,
            "users",
            users,
            lambda user: str(user["primaryEmail"]).lower(),
            self._kept(f"users {call.query.get('fields')} {projection}", encode),
        )

    def get_user(self, call: Call, _: str, key: str) -> Reply:
        """GET /users/{key}: an id, a primary address or an alias."""
        user = self._account.user(key) or self._account.user_by_address(key)
        if user is None:
            if any(user["id"] == key for user in self._account.deleted_users):
                raise refused("badRequest", "Type not supported: userKey")
            raise refused("notFound", "Resource Not Found: userKey")
        return _answer(call, msgspec.json.encode(_projected(user, call)))

    def list_groups(self, call: Call, subject: str) -> Reply:
        """GET /groups."""
        self._check_customer(call, subject, needed=False)
        page = self._page(call, GROUPS_PER_PAGE)
        mask = page.of_rows("groups", GROUP_FIELDS)
        return self._listing(
            call,
            page,
            "groups",
            self._account.groups,
            lambda group: str(group["email"]).lower(),
            lambda group: msgspec.json.encode(masked(group, mask)),
        )

    def get_group(self, call: Call, _: str, key: str) -> Reply:
        """GET /groups/{key}: an id or an address."""
        for group in self._account.groups:
            if key in (group["id"], group["email"]):
                return _answer(call, msgspec.json.encode(group))
        raise refused("notFound")

    def list_members(self, call: Call, _: str, key: str) -> Reply:
        """GET /groups/{key}/members: the direct members alone.

        `includeDerivedMembership` is not simulated: it gives other people than there are.
        """
        members = self._account.members(key)
        if members is None:
            raise refused("notFound")
        page = self._page(call, GROUPS_PER_PAGE)
        mask = page.of_rows("members", MEMBER_FIELDS)
        return self._listing(
            call,
            page,
            "members",
            members,
            self._account.place,
            lambda member: self._member(key, member, mask),
        )

    def get_customer(self, call: Call, subject: str, key: str) -> Reply:
        """GET /customers/{key}."""
        if key not in (CUSTOMER, "my_customer") or (key == "my_customer" and not subject):
            raise refused("notFound", "Resource Not Found: customerKey")
        content = {"kind": "admin#directory#customer", "id": CUSTOMER, "customerDomain": DOMAIN}
        return _answer(call, msgspec.json.encode(content))

    # -- the parts of an answer --------------------------------------------------------------

    def _check_customer(self, call: Call, subject: str, *, needed: bool) -> None:
        """Refuse a customer or domain that is not this account's, or none at all."""
        customer, domain = call.query.get("customer"), call.query.get("domain")
        if customer == "my_customer" and not subject:
            raise refused("invalid")
        if needed and not customer and not domain:
            raise refused("badRequest")
        if customer not in (None, "my_customer", CUSTOMER):
            raise refused("badRequest")
        if domain not in (None, DOMAIN):
            raise refused("notFound", "Domain not found.")

    def _page(self, call: Call, most: int, usual: int | None = None) -> Page:
        return read_page(call, self._clock.now(), usual=usual or most, most=most)

    def _listing(
        self,
        call: Call,
        page: Page,
        key: str,
        rows: Sequence[Any],
        place: Callable[[Any], str],
        encode: Callable[[Any], bytes],
    ) -> Reply:
        """One page; without rows there is no key for them, at the end no token."""
        chosen, token = cut(rows, page, place, self._clock.now())
        parts = {"kind": f'"admin#directory#{key}"'.encode(), "etag": b'"\\"simulated\\""'}
        if chosen:
            parts[key] = b"[" + b",".join(map(encode, chosen)) + b"]"
        if token:
            parts["nextPageToken"] = f'"{token}"'.encode()
        wanted = [
            b'"%b":%b' % (name.encode(), part)
            for name, part in parts.items()
            if not page.mask or name in page.mask
        ]
        return _answer(call, b"{" + b",".join(wanted) + b"}")

    def _kept(self, name: str, encode: Callable[[Json], bytes]) -> Callable[[Json], bytes]:
        """Encodes each row once, until something changes."""
        if self._revision != self._account.revision:
            self._revision = self._account.revision
            self._encoded.clear()
        known = self._encoded.setdefault((name, ""), {})

        def kept(row: Json) -> bytes:
            text = known.get(row["id"])
            if text is None:
                text = known[row["id"]] = encode(row)
            return text

        return kept

    def _member(self, group: str, member: Member, mask: Mask) -> bytes:
        if mask.keys() == {"id", "type"}:
            return b'{"id":"%b","type":"%b"}' % (member.id.encode(), member.type.encode())
        drawn = chance("role", group, member.id)
        row: Json = {
            "kind": "admin#directory#member",
            "etag": f'"{member.id[-8:]}"',
            "id": member.id,
            "role": "OWNER" if drawn < 0.05 else "MANAGER" if drawn < 0.1 else "MEMBER",
            "type": member.type,
        }
        if member.type != EVERYBODY and (address := self._account.address_of(member)):
            row["email"] = address
        user = self._account.user(member.id)
        if member.type == USER and user:
            row["status"] = "SUSPENDED" if user["suspended"] else "ACTIVE"
        return msgspec.json.encode(masked(row, mask))


def _projected(user: Json, call: Call) -> Json:
    """A user with the custom schemas that the projection selects."""
    projection = call.query.get("projection", "basic")
    schemas: Mapping[str, Json] = user.get("customSchemas", {})
    if projection == "full" or not schemas:
        return user
    asked = call.query.get("customFieldMask", "").split(",") if projection == "custom" else []
    kept = {name: values for name, values in schemas.items() if name in asked}
    others = {name: value for name, value in user.items() if name != "customSchemas"}
    return {**others, "customSchemas": kept} if kept else others


def _matching(users: Sequence[Json], query: str) -> Sequence[Json]:
    """The users whom all clauses of a query fit; a small part of Google's language."""
    for clause in _CLAUSE.finditer(query):
        value = clause["quoted"] if clause["quoted"] is not None else clause["plain"]
        users = [user for user in users if _fits(user, clause["field"], value)]
    if query and not _CLAUSE.match(query):
        raise refused("invalid", "Invalid Input: query")
    return users


def _fits(user: Json, name: str, value: str) -> bool:
    match name:
        case "isAdmin":
            return bool(user["isAdmin"]) == (value == "true")
        case "isSuspended" | "isArchived":
            return bool(user[name.removeprefix("is").lower()]) == (value == "true")
        case "orgUnitPath":
            return f"{user['orgUnitPath']}/".startswith(f"{value.rstrip('/')}/")
        case "email":
            address = str(user["primaryEmail"])
            return address.startswith(value[:-1]) if value.endswith("*") else address == value
    raise refused("invalid", f"Invalid Input: query {name}")


def _answer(call: Call, body: bytes) -> Reply:
    pretty = call.query.get("prettyPrint", "true") != "false"
    return Reply(200, msgspec.json.format(body, indent=2) if pretty else body, [], JSON)
