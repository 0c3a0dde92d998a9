"""Pages of Microsoft Graph as records (docs/entra-api.md, "Paging" and "Members")."""

import re
from dataclasses import dataclass

import msgspec

from opensense_okta.directories.http.client import Answer
from opensense_okta.directories.http.json_page import (
    Identified,
    JsonPage,
    parse_page,
    read_named,
    trouble,
)
from opensense_okta.directories.records import Records, read_records

GRAPH = "Microsoft Graph"
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


class _Member(Identified):
    type: object = msgspec.field(name="@odata.type", default=None)


_MEMBERS = msgspec.json.Decoder(list[_Member])


def read_page(answer: Answer) -> Records:
    """The records of a page whose whole content matters.

    Raises:
        ServerTrouble: the page has no list of records; that is not an empty one.
    """
    return read_records(_value(answer))


def read_members(answer: Answer) -> Records:
    """The ids on a page of members: a user's as it is, another's as `type/id`.

    A member without a type is `/id`: it is no user for certain.

    Raises:
        ServerTrouble: the page has no list of records.
    """
    return read_named(_value(answer), _MEMBERS, _named)


def read_count(answer: Answer) -> int:
    """The number that a count is, which comes as plain text.

    Raises:
        ServerTrouble: it is none.
    """
    try:
        return int(answer.body.decode("utf-8-sig"))
    except ValueError:
        raise trouble(GRAPH, "a count that is no number") from None


def following(answer: Answer, _records: Records) -> str | None:
    """Where the next page is, as the page itself says; None at the end."""
    return _page(answer).following


def _value(answer: Answer) -> bytes:
    value = _page(answer).records
    if value is None:
        raise trouble(GRAPH, "a page without its list of records (`value`)")
    return value


def _page(answer: Answer) -> JsonPage:
    page = parse_page(answer, "value", "@odata.nextLink", GRAPH)
    if page.following == "":
        raise trouble(GRAPH, "a page whose next link is empty")
    return page


def _named(member: _Member) -> str:
    kind = member.type.removeprefix(_OF_GRAPH) if isinstance(member.type, str) else ""
    return member.id if kind == USER else f"{kind}/{member.id}"
