"""The groups of the account: copies of Okta's groups, and groups that only Google has."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from opensense_okta.simulator.company.cast import chance
from opensense_okta.simulator.company.people import DOMAIN, ascii_letters
from opensense_okta.simulator.company.state import Json, State
from opensense_okta.simulator.google.people import CUSTOMER

USER, GROUP, EVERYBODY, EXTERNAL = "USER", "GROUP", "CUSTOMER", "EXTERNAL"

OUTSIDERS = {
    "100000000000000000901": "lawyer@partner.example",
    "100000000000000000902": "",
}
"""Members who are no users of the account, with the address that the API shows, if it does."""

FOREIGN_GROUP = "01partners99xyz"
"""A group of another organization, which is a member of a group here."""

_BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class Member(NamedTuple):
    """A direct member of a group."""

    id: str
    type: str


class Group(NamedTuple):
    """A group's properties without its number of members, and its direct members."""

    properties: Json
    members: list[Member]


def group_id(*key: object) -> str:
    """A group's id: opaque, always the same for the same key."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    number, text = int.from_bytes(digest), ""
    for _ in range(13):
        number, digit = divmod(number, 36)
        text += _BASE_36[digit]
    return f"01{text}"


def groups(org: State, account_of: Callable[[str], str | None]) -> Iterator[Group]:
    """All groups of the org's account.

    Args:
        org: the Okta org of the same company.
        account_of: the id of an Okta user's account, if there is one.
    """
    ids: list[str] = []
    for key, group in org.groups.items():
        if group["type"] != "OKTA_GROUP" or chance(org.seed, "google group", key) >= 0.6:
            continue
        members = [
            Member(account, USER)
            for okta_id in org.members(key)
            if (account := account_of(okta_id))
            and chance(org.seed, "google member", key, okta_id) >= 0.03
        ]
        name = group["profile"]["name"]
        made = group_id(org.seed, key)
        ids.append(made)
        description = group["profile"]["description"] or ""
        yield Group(properties(made, name, _address(name, made), description), members)
    yield from _only_in_google(org, ids)


def properties(id_: str, name: str, address: str, description: str = "") -> Json:
    """A group as the API returns it, without the number of its members."""
    local = address.partition("@")[0]
    return {
        "kind": "admin#directory#group",
        "id": id_,
        "etag": f'"{id_[-8:]}"',
        "email": address,
        "name": name,
        "description": description,
        "adminCreated": True,
        "nonEditableAliases": [f"{local}@{DOMAIN}.test-google-a.com"],
    }


def _only_in_google(org: State, others: list[str]) -> Iterator[Group]:
    """Everybody; groups in groups, three deep, and two in each other; outsiders; an empty one."""
    ids = {name: group_id(org.seed, "own", name) for name in _OWN}
    members: dict[str, list[Member]] = {
        "everybody": [Member(CUSTOMER, EVERYBODY)],
        "company": [Member(ids["region"], GROUP)],
        "region": [Member(ids["team"], GROUP)],
        "team": [Member(id_, GROUP) for id_ in others[:2]],
        "circle-a": [Member(ids["circle-b"], GROUP), *_first_of(others)],
        "circle-b": [Member(ids["circle-a"], GROUP)],
        "partners": [
            *(Member(outsider, USER) for outsider in OUTSIDERS),
            Member("100000000000000000903", EXTERNAL),
            Member(FOREIGN_GROUP, GROUP),
        ],
        "reserved": [],
    }
    for name, title in _OWN.items():
        yield Group(properties(ids[name], title, f"{name}@{DOMAIN}"), members[name])


_OWN = {
    "everybody": "Everybody",
    "company": "Company",
    "region": "Region",
    "team": "Team",
    "circle-a": "Circle A",
    "circle-b": "Circle B",
    "partners": "Partners",
    "reserved": "Reserved",
}


def _first_of(others: list[str]) -> list[Member]:
    return [Member(others[0], GROUP)] if others else []


def _address(name: str, id_: str) -> str:
    """An address of its own, since names need not be unique."""
    words = [ascii_letters(word) for word in re.split(r"\W+", name)]
    return f"{'-'.join(word for word in words if word) or 'group'}-{id_[-4:]}@{DOMAIN}"
