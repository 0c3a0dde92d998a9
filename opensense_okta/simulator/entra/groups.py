"""The groups of a tenant: copies of Okta's groups, and groups that only Entra has."""

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from opensense_okta.simulator.company.cast import chance
from opensense_okta.simulator.company.people import DOMAIN, dice
from opensense_okta.simulator.company.state import Json, State
from opensense_okta.simulator.entra.accounts import guid


class Member(NamedTuple):
    """A member of a group: a user, a group, a device or an orgContact."""

    id: str
    type: str


class Group(NamedTuple):
    """A group's properties, without the unset ones, and its direct members."""

    properties: Json
    members: list[Member]


KINDS: dict[str, Json] = {
    "security": {},
    "microsoft 365": {
        "groupTypes": ["Unified"],
        "mailEnabled": True,
        "securityEnabled": False,
        "visibility": "Private",
        "resourceProvisioningOptions": ["Team"],
    },
    "mail-enabled security": {"mailEnabled": True},
    "distribution": {"mailEnabled": True, "securityEnabled": False},
    "dynamic": {
        "groupTypes": ["DynamicMembership"],
        "membershipRule": '(user.accountEnabled -eq true) and (user.userType -eq "Member")',
        "membershipRuleProcessingState": "On",
    },
}
"""The kinds of groups, with the properties in which they differ (docs/entra-api.md, "Groups")."""

SYNCED = {"onPremisesSyncEnabled": True, "onPremisesDomainName": "corp.acme.example"}


def groups(org: State, account_of: Callable[[str], str | None]) -> Iterator[Group]:
    """All groups of the org's tenant.

    Args:
        org: The Okta org of the same company.
        account_of: The object id of an Okta user's account, if there is one.
    """
    nested: list[str] = []
    for group_id, group in org.groups.items():
        imported = group["type"] == "APP_GROUP"
        if not imported and (
            group["type"] == "BUILT_IN" or chance(org.seed, "group", group_id) >= 0.5
        ):
            continue
        members = [
            Member(account, "user")
            for user_id in org.members(group_id)
            if (account := account_of(user_id))
            and chance(org.seed, "member", group_id, user_id) >= 0.03
        ]
        kind = tuple(KINDS)[int(chance(org.seed, "kind", group_id) * len(KINDS))]
        properties = _properties(guid(org.seed, group_id), group["profile"]["name"], kind)
        if imported:
            properties = (
                _properties(properties["id"], group["profile"]["name"], "security") | SYNCED
            )
        nested.append(properties["id"])
        yield Group(properties, sorted(members))
    yield from _only_in_entra(org, nested)


def devices(org: State) -> dict[str, Json]:
    """Three shared tablets."""
    return {
        (device_id := guid(org.seed, "device", number)): {
            "id": device_id,
            "deviceId": guid("hardware", number),
            "displayName": f"iPad {number}",
            "operatingSystem": "iPadOS",
            "operatingSystemVersion": "26.1",
        }
        for number in range(3)
    }


def contacts(org: State) -> dict[str, Json]:
    """Two suppliers."""
    return {
        (contact_id := guid(org.seed, "contact", name)): {
            "id": contact_id,
            "displayName": f"{name} Supplies",
            "mail": f"orders@{name.lower()}.example",
            "proxyAddresses": [f"SMTP:orders@{name.lower()}.example"],
        }
        for name in ("Borneo", "Celtic")
    }


def _only_in_entra(org: State, others: list[str]) -> Iterator[Group]:
    """Groups with groups, devices or contacts; two groups in each other; one without members."""
    ids = {name: guid(org.seed, "own group", name) for name in ("All", "A", "B", "T", "S", "E")}
    rng = dice(org.seed, "own groups")
    yield Group(_properties(ids["All"], "All Departments", "security"), _nested(_some(rng, others)))
    yield Group(_properties(ids["A"], "Circle A", "security"), _nested([ids["B"]]))
    yield Group(_properties(ids["B"], "Circle B", "security"), _nested([ids["A"]]))
    tablets = sorted(Member(device, "device") for device in devices(org))
    yield Group(_properties(ids["T"], "Shared Tablets", "security"), tablets)
    suppliers = sorted(Member(contact, "orgContact") for contact in contacts(org))
    yield Group(_properties(ids["S"], "Suppliers", "distribution"), suppliers)
    yield Group(_properties(ids["E"], "Reserved", "microsoft 365"), [])


def _some(rng: Random, ids: list[str]) -> list[str]:
    return rng.sample(ids, min(4, len(ids)))


def _nested(ids: list[str]) -> list[Member]:
    return sorted(Member(group_id, "group") for group_id in ids)


def _properties(group_id: str, name: str, kind: str) -> Json:
    nickname = group_id[:8] + "-" + group_id[-1]
    created = "2024-03-14T13:32:37Z"
    mail: Json = {}
    if KINDS[kind].get("mailEnabled"):
        address = f"{nickname}@{DOMAIN}"
        mail = {"mail": address, "proxyAddresses": [f"SMTP:{address}"]}
    return {
        "id": group_id,
        "displayName": name,
        "createdDateTime": created,
        "renewedDateTime": created,
        "mailNickname": nickname,
        "securityIdentifier": f"S-1-12-1-{int(group_id[:8], 16)}-1-2-3",
        **KINDS[kind],
        **mail,
    }
