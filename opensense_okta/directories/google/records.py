"""Pages of the Directory API as records (docs/google-api.md, "Paging" and "Members")."""

from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.google.errors import PARTIAL
from opensense_okta.directories.http.client import Answer
from opensense_okta.directories.http.json_page import (
    Identified,
    JsonPage,
    parse_page,
    read_named,
    trouble,
)
from opensense_okta.directories.records import Records, read_records

GOOGLE = "Google's Directory API"
USER = "user"
NEXT = b"nextPageToken"
PAGE_TOKEN = "pageToken="  # noqa: S105 - a parameter


@dataclass(frozen=True)
class UserSample:
    """Counts of some users.

    Attributes:
        users: how many there are.
        suspended: those that are suspended or archived.
        guests: those of other organizations.
        without_status: those that do not say whether they are suspended and archived.
        super_administrators: those that administer the whole account.
    """

    users: int
    suspended: int
    guests: int
    without_status: int
    super_administrators: int


class _User(msgspec.Struct, rename="camel"):
    suspended: object = None
    archived: object = None
    is_guest_user: object = None
    is_admin: object = None


class _Member(Identified):
    type: object = None


_MEMBERS = msgspec.json.Decoder(list[_Member])


def sample(records: Records) -> UserSample:
    """Counts of the users of a page."""
    users = [msgspec.json.decode(row, type=_User) for row in records.rows]
    return UserSample(
        users=len(users),
        suspended=sum(_is_true(user.suspended) or _is_true(user.archived) for user in users),
        guests=sum(_is_true(user.is_guest_user) for user in users),
        without_status=sum(user.suspended is None or user.archived is None for user in users),
        super_administrators=sum(_is_true(user.is_admin) for user in users),
    )


def read_users(answer: Answer) -> Records:
    """The users of a page.

    Raises:
        IncompleteListing: there are none. An account always has users, and so has each of its pages.
        ServerTrouble: it is no page.
    """
    users = _page(answer, "users").records
    if users is None or users.strip() == b"[]":
        raise IncompleteListing(
            f"{GOOGLE} answered, but listed no users.", remedy=PARTIAL, transient=True
        )
    return read_records(users)


def lists_users(answer: Answer) -> bool:
    """Whether a page has any users.

    Raises:
        ServerTrouble: it is no page.
    """
    users = _page(answer, "users").records
    return users is not None and users.strip() != b"[]"


def read_groups(answer: Answer) -> Records:
    """The groups of a page.

    Raises:
        ServerTrouble: it is no page, or has no groups although the one before led to it.
    """
    return read_records(_rows(answer, "groups"))


def read_members(answer: Answer) -> Records:
    """The ids on a page of members: a user's as it is, another's as `type/id`.

    Raises:
        ServerTrouble: it is no page, or has no members although the one before led to it.
    """
    members = read_named(_rows(answer, "members"), _MEMBERS, _named)
    return replace(members, others=sum("/" in name for name in members.ids))


def following(answer: Answer, _records: Records) -> str | None:
    """Where the next page is: the same request with the page's token; None at the end."""
    if NEXT not in answer.body:  # the only page of most groups; it was parsed before
        return None
    token = _page(answer, "").following
    if not token:  # some clients met an empty one at the end
        return None
    first, _, _ = answer.url.partition("&" + PAGE_TOKEN)
    return f"{first}&{PAGE_TOKEN}{quote(token, safe='')}"


def has_token(answer: Answer) -> bool:
    """Whether an answer is to the request of a page after the first one."""
    return PAGE_TOKEN in answer.url


def _rows(answer: Answer, key: str) -> bytes:
    """The rows of a page; an empty listing has no key for them."""
    rows = _page(answer, key).records
    if rows is None and has_token(answer):
        raise trouble(GOOGLE, f"a page without `{key}` that another page led to")
    return b"[]" if rows is None else rows


def _page(answer: Answer, key: str) -> JsonPage:
    return parse_page(answer, key, NEXT.decode(), GOOGLE)


def _named(member: _Member) -> str:
    if member.type == "USER":  # nearly all
        return member.id
    kind = member.type.lower() if isinstance(member.type, str) else ""
    return member.id if kind == USER else f"{kind}/{member.id}"


def _is_true(value: object) -> bool:
    return value is True or value == "true"
