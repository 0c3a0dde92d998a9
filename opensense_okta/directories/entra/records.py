"""Pages of Microsoft Graph as records (docs/entra-api.md, "Paging" and "Members")."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from opensense_okta.directories.errors import ServerTrouble
from opensense_okta.directories.http.client import Answer
from opensense_okta.directories.json_text import MALFORMED, members
from opensense_okta.directories.records import Records, are_plain, read_records

USER = "user"
_ADDRESS = re.compile(r"[^@\s#]+@[^@\s]+\.[^@\s]+")
_INITIAL_DOMAINS = (".onmicrosoft.com", ".onmicrosoft.us", ".onmschina.cn")
_OF_GRAPH = "#microsoft.graph."


@dataclass(frozen=True)
class UserSample:
    """Counts of some users, by what their properties say.

    Attributes:
        users: how many there are.
        without_status: those that do not say whether the account is enabled.
        guests: those that were invited from another company.
        mailboxes: shared mailboxes and rooms: nobody signs in, and they have no person's names.
        only_in_login: enabled members without `mail`, with an address as `userPrincipalName`.
    """

    users: int
    without_status: int
    guests: int
    mailboxes: int
    only_in_login: int


class _User(msgspec.Struct, rename="camel"):
    account_enabled: object = None
    user_type: object = None
    mail: object = None
    user_principal_name: object = None
    given_name: object = None
    surname: object = None

    @property
    def guest(self) -> bool:
        return str(self.user_type).lower() == "guest"

    @property
    def mailbox(self) -> bool:
        named = self.given_name or self.surname
        return self.account_enabled is False and bool(self.mail) and not named and not self.guest

    @property
    def only_in_login(self) -> bool:
        login = str(self.user_principal_name or "")
        own = _ADDRESS.fullmatch(login) and not login.lower().endswith(_INITIAL_DOMAINS)
        return self.account_enabled is True and not self.mail and bool(own) and not self.guest


def sample(records: Records) -> UserSample:
    """Counts of the users of a page."""
    users = [msgspec.json.decode(row, type=_User) for row in records.rows]
    return UserSample(
        users=len(users),
        without_status=sum(user.account_enabled is None for user in users),
        guests=sum(user.guest for user in users),
        mailboxes=sum(user.mailbox for user in users),
        only_in_login=sum(user.only_in_login for user in users),
    )


class _Page(msgspec.Struct):
    value: msgspec.Raw
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)


class _Member(msgspec.Struct):
    id: str
    type: str | None = msgspec.field(name="@odata.type", default=None)


_MEMBERS = msgspec.json.Decoder(list[_Member])


def read_page(answer: Answer) -> Records:
    """The records of a page whose whole content matters.

    Raises:
        ServerTrouble: the page has no list of records; that is not an empty one.
    """
    return read_records(bytes(_page(answer).value))


def read_members(answer: Answer) -> Records:
    """The ids on a page of members: a user's as it is, another's as `type/id`.

    A member without a type is `/id`: it is no user for certain.

    Raises:
        ServerTrouble: the page has no list of records.
    """
    value = bytes(_page(answer).value)
    with suppress(*MALFORMED):
        decoded = _MEMBERS.decode(value)
        if are_plain([member.id for member in decoded], value):
            return Records((), [_named(member) for member in decoded])
    records = read_records(value)
    ids = [_named(_leniently(row)) for row in records.rows]
    return Records((), ids, records.set_aside)


def read_count(answer: Answer) -> int:
    """The number that a count is, which comes as plain text.

    Raises:
        ServerTrouble: it is none.
    """
    try:
        return int(answer.body.decode("utf-8-sig"))
    except ValueError:
        raise _trouble("a count that is no number") from None


def following(answer: Answer, _records: Records) -> str | None:
    """Where the next page is, as the page itself says; None at the end."""
    return _page(answer).following


def _page(answer: Answer) -> _Page:
    try:
        page = msgspec.json.decode(answer.body, type=_Page)
    except msgspec.ValidationError:
        raise _trouble("a page without its list of records (`value`)") from None
    except MALFORMED:
        page = _leniently_page(answer.body)
    if page.following == "":
        raise _trouble("a page whose next link is empty")
    return page


def _leniently_page(body: bytes) -> _Page:
    """What the decoder refuses, such as half of a surrogate pair, is for `read_records`."""
    parts = members(body.decode("utf-8", errors="replace").encode())
    if parts is None:
        raise _trouble("a broken or cut-off page")
    try:
        link = json.loads(parts.get("@odata.nextLink", b"null"))
    except ValueError:
        raise _trouble("a broken or cut-off page") from None
    if "value" not in parts or not isinstance(link, str | None):
        raise _trouble("a page without its list of records (`value`)")
    return _Page(msgspec.Raw(parts["value"]), link)


def _leniently(row: bytes | msgspec.Raw) -> _Member:
    member = msgspec.json.decode(row)
    kind = member.get("@odata.type")
    return _Member(member["id"], kind if isinstance(kind, str) else None)


def _named(member: _Member) -> str:
    kind = (member.type or "").removeprefix(_OF_GRAPH)
    return member.id if kind == USER else f"{kind}/{member.id}"


def _trouble(what: str) -> ServerTrouble:
    return ServerTrouble(
        f"Microsoft Graph sent {what}.",
        remedy="If it continues, look for a proxy that changes answers.",
    )
