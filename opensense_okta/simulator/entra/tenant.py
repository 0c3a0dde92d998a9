"""A Microsoft Entra tenant of the company whose Okta org is simulated too."""

import gc
from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import DOMAIN
from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.entra.accounts import (
    INITIAL_DOMAIN,
    Accounts,
    guid,
    only_in_entra,
)
from opensense_okta.simulator.entra.groups import Member, contacts, devices, groups

TENANT_ID = "5b0e1c6a-7a34-4c11-9d5e-0a1b2c3d4e5f"
"""The tenant's id, the same for all companies."""


class Truth(NamedTuple):
    """Everything that the tenant has, to compare a read with.

    Attributes:
        users: Users, with the properties that are set; `manager` is an object id.
        groups: Groups, with the properties that are set.
        memberships: Group and user, for the users that are direct members of a group.
        others: Group, type and id, for all other direct members of groups.
    """

    users: list[Json]
    groups: list[Json]
    memberships: list[tuple[str, str]]
    others: list[tuple[str, str, str]]


class Tenant:
    """A tenant. It is created when it is first read, and then follows the org from day to day.

    Changes that a test makes by hand are kept, however many days pass.

    Attributes:
        org: The company's Okta org.
        revision: A number that is different after every change.
        devices: Devices that can be members of groups, by id.
        contacts: Contacts that can be members of groups, by id.
    """

    def __init__(self, org: Org) -> None:
        self.org = org
        self.revision = 0
        self.devices = devices(org)
        self.contacts = contacts(org)
        self._founding_size = len(org.users)
        self._followed: date | None = None
        self._seen: dict[str, tuple[str, str]] = {}
        self._accounts: dict[str, str] = {}
        self._users: dict[str, Json] = {}
        self._groups: dict[str, Json] = {}
        self._members: dict[str, list[Member]] = {}
        self._user_ids: list[str] = []
        self._group_ids: list[str] = []
        self._by_hand: list[Callable[[], None]] = []

    # -- reading -----------------------------------------------------------------------------

    @property
    def domains(self) -> tuple[str, ...]:
        """The tenant's domain names; a login may use them in place of its id."""
        return DOMAIN, INITIAL_DOMAIN

    @property
    def day(self) -> date:
        """The company's day."""
        return self.org.day

    @property
    def users(self) -> dict[str, Json]:
        """All users by their ids; not to be changed."""
        self.follow()
        return self._users

    @property
    def groups(self) -> dict[str, Json]:
        """All groups by their ids; not to be changed."""
        self.follow()
        return self._groups

    @property
    def user_ids(self) -> list[str]:
        """All users' ids in the order of the listing."""
        self.follow()
        return self._user_ids

    @property
    def group_ids(self) -> list[str]:
        """All groups' ids in the order of the listing."""
        self.follow()
        return self._group_ids

    def members(self, group_id: str) -> list[Member]:
        """A group's direct members, in order; not to be changed."""
        self.follow()
        return self._members[group_id]

    def of_member(self, member: Member) -> Json:
        """The properties of a member."""
        of_type = {
            "user": self._users,
            "group": self._groups,
            "device": self.devices,
            "orgContact": self.contacts,
        }
        return of_type[member.type][member.id]

    def account_of(self, okta_id: str) -> str | None:
        """The object id of an Okta user's account in this tenant, if there is one."""
        self.follow()
        user_id = self._accounts.get(okta_id)
        return user_id if user_id in self._users else None

    def user(self, name: str) -> Json:
        """The user with a userPrincipalName."""
        return next(user for user in self.users.values() if user["userPrincipalName"] == name)

    def group(self, name: str) -> Json:
        """The first group with a displayName."""
        return next(group for group in self.groups.values() if group["displayName"] == name)

    def truth(self) -> Truth:
        """Everything that the tenant has now."""
        rows = [(group, member) for group in self.group_ids for member in self._members[group]]
        return Truth(
            users=[self._users[user_id] for user_id in self._user_ids],
            groups=[self._groups[group_id] for group_id in self._group_ids],
            memberships=[(group, row.id) for group, row in rows if row.type == "user"],
            others=[(group, row.type, row.id) for group, row in rows if row.type != "user"],
        )

    # -- days --------------------------------------------------------------------------------

    def advance(self, day: date) -> None:
        """Simulate the company's days before `day`."""
        self.org.advance(day)
        self.follow()

    def follow(self) -> None:
        """Apply what has happened in the company since it was last followed."""
        if self._followed == self.org.day:
            return
        with _without_garbage_collection():
            self._follow()
        self.revision += 1

    def _follow(self) -> None:
        if self._followed is None:
            for user in only_in_entra(self.org, self._founding_size):
                self._users[user["id"]] = user
        self._followed = self.org.day
        self._follow_users()
        self._groups, self._members = {}, {}
        for group in groups(self.org, self.account_of):
            self._groups[group.properties["id"]] = group.properties
            self._members[group.properties["id"]] = group.members
        for change in self._by_hand:
            change()
        self._user_ids, self._group_ids = sorted(self._users), sorted(self._groups)

    def _follow_users(self) -> None:
        """Update the accounts of the users who changed; the others cost nothing."""
        org = self.org
        seen = {key: (user["lastUpdated"], user["status"]) for key, user in org.users.items()}
        accounts = Accounts(org, {user: part for part, user in org.parts.items()}, _numbers(org))
        for key, state in seen.items():
            if self._seen.get(key) == state:
                continue
            user = org.users[key]
            user_id = self._accounts[key] = accounts.id_of(key)
            if accounts.exists(user):
                self._users[user_id] = accounts.account(user)
            else:
                self._users.pop(user_id, None)
        for key in self._seen.keys() - seen.keys():
            self._users.pop(self._accounts.pop(key), None)
        self._seen = seen

    # -- changing by hand --------------------------------------------------------------------

    def add_user(self, name: str, **properties: object) -> str:
        """Create a user with a userPrincipalName and return the id."""
        user_id = guid(self.org.seed, "by hand", name)
        usual = {"accountEnabled": True, "userType": "Member", "displayName": name}
        user = {"id": user_id, "userPrincipalName": name, **usual, **properties}
        self._change(lambda: self._users.update({user_id: user}))
        return user_id

    def update_user(self, user_id: str, changes: Mapping[str, object]) -> None:
        """Change a user's properties; None unsets one."""
        self._change(lambda: self._merge(self._users, user_id, changes))

    def remove_user(self, user_id: str) -> None:
        """Delete a user, also from all groups."""
        self._change(lambda: self._remove(self._users, Member(user_id, "user")))

    def add_group(self, name: str, **properties: object) -> str:
        """Create a group without members and return the id; names need not be unique."""
        group_id = guid(self.org.seed, "group by hand", name, len(self._by_hand))
        group = {"id": group_id, "displayName": name, **properties}

        def add() -> None:
            self._groups[group_id] = group
            self._members.setdefault(group_id, [])

        self._change(add)
        return group_id

    def update_group(self, group_id: str, changes: Mapping[str, object]) -> None:
        """Change a group's properties; None unsets one."""
        self._change(lambda: self._merge(self._groups, group_id, changes))

    def remove_group(self, group_id: str) -> None:
        """Delete a group, also from all other groups."""

        def remove() -> None:
            self._members.pop(group_id, None)
            self._remove(self._groups, Member(group_id, "group"))

        self._change(remove)

    def add_member(self, group_id: str, member_id: str, kind: str = "user") -> None:
        """Add a user, or a member of another type, to a group."""

        def add() -> None:
            members = self._members.get(group_id, [])
            if Member(member_id, kind) not in members:
                insort(members, Member(member_id, kind))

        self._change(add)

    def remove_member(self, group_id: str, member_id: str, kind: str = "user") -> None:
        """Remove a user, or a member of another type, from a group."""

        def remove() -> None:
            if Member(member_id, kind) in (members := self._members.get(group_id, [])):
                members.remove(Member(member_id, kind))

        self._change(remove)

    def _change(self, change: Callable[[], None]) -> None:
        self.follow()
        change()
        self._by_hand.append(change)
        self._user_ids, self._group_ids = sorted(self._users), sorted(self._groups)
        self.revision += 1

    def _merge(
        self, objects: dict[str, Json], object_id: str, changes: Mapping[str, object]
    ) -> None:
        if object_id in objects:
            merged = {**objects[object_id], **changes}
            objects[object_id] = {
                name: value for name, value in merged.items() if value is not None
            }

    def _remove(self, objects: dict[str, Json], member: Member) -> None:
        objects.pop(member.id, None)
        for members in self._members.values():
            if member in members:
                members.remove(member)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Halve the time to create a hundred thousand accounts, none of which is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _numbers(org: Org) -> dict[str, str]:
    """The Okta user of each employee number, by which Okta profiles name managers."""
    return {
        user["profile"]["employeeNumber"]: key
        for key, user in org.users.items()
        if "employeeNumber" in user["profile"]
    }
