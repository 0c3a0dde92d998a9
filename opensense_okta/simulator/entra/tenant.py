"""A Microsoft Entra tenant of the company whose Okta org is simulated too."""

import gc
from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple, Self

from opensense_okta.simulator.company.changes import Rates
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
    """Everything the tenant holds, to compare a read with.

    Attributes:
        users: Users, with the properties that are set; `manager` is an object id.
        groups: Groups, with the properties that are set.
        memberships: Group and user, for the users directly in a group.
        others: Group, type and id, for all else that is directly in a group.
    """

    users: list[Json]
    groups: list[Json]
    memberships: list[tuple[str, str]]
    others: list[tuple[str, str, str]]


class Tenant:
    """A tenant; it is made when it is first looked at, and follows the org from day to day.

    What a test changes by hand stays changed, however many days pass.

    Attributes:
        org: The company's Okta org.
        revision: Another number after every change.
        devices: What else can be in a group.
        contacts: What else can be in a group.
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

    @classmethod
    def of(cls, org: Org) -> Self:
        """The tenant of the company that an Okta org belongs to."""
        return cls(org)

    @classmethod
    def create(
        cls,
        seed: int = 1,
        users: int = 200,
        groups: int = 20,
        memberships: int = 600,
        day: date | None = None,
        *,
        rates: Rates | None = None,
    ) -> Self:
        """The tenant of a new company; `Org.create` says what the arguments mean."""
        return cls(Org.create(seed, users, groups, memberships, day, rates=rates))

    # -- reading -----------------------------------------------------------------------------

    @property
    def domains(self) -> tuple[str, ...]:
        """The names the tenant is known by, beside its id."""
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
        """All users' ids in the order of the listing, which follows from nothing else."""
        self.follow()
        return self._user_ids

    @property
    def group_ids(self) -> list[str]:
        """All groups' ids in the order of the listing."""
        self.follow()
        return self._group_ids

    def members(self, group_id: str) -> list[Member]:
        """What is directly in a group, in order; not to be changed."""
        self.follow()
        return self._members[group_id]

    def of_member(self, member: Member) -> Json:
        """The properties of what is in a group."""
        of_type = {
            "user": self._users,
            "group": self._groups,
            "device": self.devices,
            "orgContact": self.contacts,
        }
        return of_type[member.type][member.id]

    def account_of(self, okta_id: str) -> str | None:
        """The object id of the account that an Okta user has here, if any."""
        self.follow()
        user_id = self._accounts.get(okta_id)
        return user_id if user_id in self._users else None

    def user(self, name: str) -> Json:
        """The one user of a userPrincipalName."""
        return next(user for user in self.users.values() if user["userPrincipalName"] == name)

    def group(self, name: str) -> Json:
        """The first group of a displayName."""
        return next(group for group in self.groups.values() if group["displayName"] == name)

    def truth(self) -> Truth:
        """Everything the tenant holds now."""
        rows = [(group, member) for group in self.group_ids for member in self._members[group]]
        return Truth(
            users=[self._users[user_id] for user_id in self._user_ids],
            groups=[self._groups[group_id] for group_id in self._group_ids],
            memberships=[(group, row.id) for group, row in rows if row.type == "user"],
            others=[(group, row.type, row.id) for group, row in rows if row.type != "user"],
        )

    # -- days --------------------------------------------------------------------------------

    def advance(self, day: date) -> None:
        """Let the company's days up to `day` pass."""
        self.org.advance(day)
        self.follow()

    def follow(self) -> None:
        """Take over what has happened in the company since the day last followed."""
        if self._followed == self.org.day:
            return
        with _collecting_no_garbage():
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
        """Make again the accounts of those who changed; nobody else costs anything."""
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
        """Create a user of that userPrincipalName and return the id."""
        user_id = guid(self.org.seed, "by hand", name)
        usual = {"accountEnabled": True, "userType": "Member", "displayName": name}
        user = {"id": user_id, "userPrincipalName": name, **usual, **properties}
        self._change(lambda: self._users.update({user_id: user}))
        return user_id

    def update_user(self, user_id: str, changes: Mapping[str, object]) -> None:
        """Change a user's properties; None unsets one."""
        self._change(lambda: self._merge(self._users, user_id, changes))

    def remove_user(self, user_id: str) -> None:
        """Delete a user, who is then in no group."""

        def remove() -> None:
            self._users.pop(user_id, None)
            for members in self._members.values():
                if Member(user_id, "user") in members:
                    members.remove(Member(user_id, "user"))

        self._change(remove)

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
        """Delete a group, which is then in no other."""

        def remove() -> None:
            self._groups.pop(group_id, None)
            self._members.pop(group_id, None)
            for members in self._members.values():
                if Member(group_id, "group") in members:
                    members.remove(Member(group_id, "group"))

        self._change(remove)

    def add_member(self, group_id: str, member_id: str, kind: str = "user") -> None:
        """Put a user, or something else, into a group."""

        def add() -> None:
            members = self._members.get(group_id, [])
            if Member(member_id, kind) not in members:
                insort(members, Member(member_id, kind))

        self._change(add)

    def remove_member(self, group_id: str, member_id: str, kind: str = "user") -> None:
        """Take a user, or something else, out of a group."""

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

    def _merge(self, objects: dict[str, Json], some_id: str, changes: Mapping[str, object]) -> None:
        if some_id in objects:
            merged = {**objects[some_id], **changes}
            objects[some_id] = {name: v for name, v in merged.items() if v is not None}


@contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Halves what it takes to make a hundred thousand accounts, none of which is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _numbers(org: Org) -> dict[str, str]:
    """The Okta user of each employee number, which is how managers are written there."""
    return {
        user["profile"]["employeeNumber"]: key
        for key, user in org.users.items()
        if "employeeNumber" in user["profile"]
    }
