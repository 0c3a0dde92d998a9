"""A Google Workspace account of the company whose Okta org is simulated too."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.google.groups import (
    GROUP,
    OUTSIDERS,
    USER,
    Member,
    group_id,
    groups,
    properties,
)
from opensense_okta.simulator.google.people import (
    Accounts,
    only_in_google,
    resource,
    user_id,
)


class Truth(NamedTuple):
    """Everything that the account has, to compare a read with.

    Attributes:
        users: users that are not deleted, in the order of the listing.
        groups: groups, in the order of the listing.
        memberships: group and user, for the users of the account that are direct members.
        others: group, type and id, for all other direct members of groups.
    """

    users: list[Json]
    groups: list[Json]
    memberships: list[tuple[str, str]]
    others: list[tuple[str, str, str]]


class Account:
    """An account. It follows the company's Okta org from day to day.

    Changes that a test makes by hand are kept, however many days pass.

    Attributes:
        org: the company's Okta org.
        revision: a number that is different after every change.
    """

    def __init__(self, org: Org) -> None:
        self.org = org
        self.revision = 0
        self._founding_size = len(org.users)
        self._followed: date | None = None
        self._by_hand: list[Callable[[], None]] = []
        self._users: dict[str, Json] = {}
        self._deleted: dict[str, Json] = {}
        self._groups: dict[str, Json] = {}
        self._members: dict[str, list[Member]] = {}
        self._listed: tuple[list[Json], list[Json]] = ([], [])

    # -- reading -----------------------------------------------------------------------------

    @property
    def day(self) -> date:
        """The company's day."""
        return self.org.day

    @property
    def users(self) -> list[Json]:
        """All users in the order of the listing, by primary address; not to be changed."""
        self._follow()
        return self._listed[0]

    @property
    def deleted_users(self) -> list[Json]:
        """The users that were deleted within 20 days, with the little that is left of them."""
        self._follow()
        return sorted(self._deleted.values(), key=lambda user: str(user["primaryEmail"]))

    @property
    def groups(self) -> list[Json]:
        """All groups in the order of the listing, by address; not to be changed."""
        self._follow()
        return self._listed[1]

    def members(self, id_: str) -> list[Member] | None:
        """A group's direct members in the order of the listing; None if there is no such group."""
        self._follow()
        return self._members.get(id_)

    def user(self, id_: str) -> Json | None:
        """The user with an id."""
        self._follow()
        return self._users.get(id_)

    def user_by_address(self, address: str) -> Json | None:
        """The user with a primary address or an alias."""
        wanted = address.lower()
        return next(
            (
                user
                for user in self.users
                if wanted in (user["primaryEmail"].lower(), *user.get("aliases", ()))
            ),
            None,
        )

    def address_of(self, member: Member) -> str:
        """The address of a member, or an empty string if the API does not show it."""
        if member.type == GROUP:
            return str(self._groups.get(member.id, {}).get("email", f"{member.id}@partner.example"))
        known = self._users.get(member.id)
        return str(known["primaryEmail"]) if known else OUTSIDERS.get(member.id, "")

    def place(self, member: Member) -> str:
        """What a member is sorted by: its address, and its id for those who may share one."""
        user = self._users.get(member.id)
        return str(user["primaryEmail"]) if user else f"{self.address_of(member)}/{member.id}"

    def truth(self) -> Truth:
        """Everything that the account has now."""
        rows = [(group["id"], row) for group in self.groups for row in self._members[group["id"]]]
        own = [row.type == USER and row.id in self._users for _, row in rows]
        return Truth(
            users=self.users,
            groups=self.groups,
            memberships=[
                (group, row.id) for (group, row), ours in zip(rows, own, strict=True) if ours
            ],
            others=[
                (group, row.type, row.id)
                for (group, row), ours in zip(rows, own, strict=True)
                if not ours
            ],
        )

    # -- days --------------------------------------------------------------------------------

    def advance(self, day: date) -> None:
        """Simulate the company's days before `day`."""
        self.org.advance(day)

    def _follow(self) -> None:
        """Make the account of the day, and repeat what was changed by hand."""
        if self._followed == self.org.day:
            return
        org, self._followed = self.org, self.org.day
        numbers = {
            user["profile"]["employeeNumber"]: user["profile"]["login"]
            for user in org.users.values()
            if "employeeNumber" in user["profile"]
        }
        accounts = Accounts(org, {user: part for part, user in org.parts.items()}, numbers)
        made = {
            key: accounts.user(user) for key, user in org.users.items() if accounts.exists(user)
        }
        self._users = {user["id"]: user for user in only_in_google(org, self._founding_size)}
        self._users |= {user["id"]: user for user in made.values()}
        self._deleted = {
            id_: _deleted(id_, str(user["profile"]["login"]), user["statusChanged"])
            for key, user in org.users.items()
            if accounts.is_deleted(user) and (id_ := user_id(org.seed, key))
        }
        self._groups, self._members = {}, {}
        for group in groups(org, lambda key: made[key]["id"] if key in made else None):
            self._groups[group.properties["id"]] = group.properties
            self._members[group.properties["id"]] = group.members
        for change in self._by_hand:
            change()
        self._arrange()

    def _arrange(self) -> None:
        """Bring everything in the order of the listings, and count the members."""
        self.revision += 1
        for id_, members in self._members.items():
            members.sort(key=self.place)
            counted = sum(member.type == USER for member in members)
            self._groups[id_]["directMembersCount"] = str(counted)
        self._listed = (
            sorted(self._users.values(), key=lambda user: user["primaryEmail"].lower()),
            sorted(self._groups.values(), key=lambda group: group["email"].lower()),
        )

    # -- changing by hand --------------------------------------------------------------------

    def add_user(self, address: str, aliases: Iterable[str] = (), **changes: object) -> str:
        """Create a user and return the id; the address of a former user gets another id."""
        id_ = user_id(self.org.seed, "by hand", address, len(self._by_hand))
        names = ("Somebody", address.partition("@")[0].title())

        def add() -> None:
            self._users[id_] = resource(id_, address, names, aliases, **changes)

        self._change(add)
        return id_

    def update_user(self, id_: str, changes: Mapping[str, object]) -> None:
        """Change fields of a user; None unsets one."""

        def update() -> None:
            if id_ in self._users:
                self._users[id_] = _merged(self._users[id_], changes)

        self._change(update)

    def remove_user(self, id_: str) -> None:
        """Delete a user, also from all groups."""

        def remove() -> None:
            if user := self._users.pop(id_, None):
                self._deleted[id_] = _deleted(id_, user["primaryEmail"], f"{self.day}T09:00:00Z")
            self._drop(Member(id_, USER))

        self._change(remove)

    def add_group(self, name: str, address: str) -> str:
        """Create a group without members and return the id."""
        id_ = group_id(self.org.seed, "by hand", address, len(self._by_hand))

        def add() -> None:
            self._groups[id_] = properties(id_, name, address)
            self._members.setdefault(id_, [])

        self._change(add)
        return id_

    def update_group(self, id_: str, changes: Mapping[str, object]) -> None:
        """Change fields of a group; None unsets one."""

        def update() -> None:
            if id_ in self._groups:
                self._groups[id_] = _merged(self._groups[id_], changes)

        self._change(update)

    def remove_group(self, id_: str) -> None:
        """Delete a group, also from all other groups."""

        def remove() -> None:
            self._groups.pop(id_, None)
            self._members.pop(id_, None)
            self._drop(Member(id_, GROUP))

        self._change(remove)

    def add_member(self, group: str, id_: str, kind: str = USER) -> None:
        """Add a user, or a member of another type, to a group."""

        def add() -> None:
            members = self._members.get(group, [])
            if Member(id_, kind) not in members:
                members.append(Member(id_, kind))

        self._change(add)

    def remove_member(self, group: str, id_: str, kind: str = USER) -> None:
        """Remove a user, or a member of another type, from a group."""

        def remove() -> None:
            if Member(id_, kind) in (members := self._members.get(group, [])):
                members.remove(Member(id_, kind))

        self._change(remove)

    def _change(self, change: Callable[[], None]) -> None:
        self._follow()
        change()
        self._by_hand.append(change)
        self._arrange()

    def _drop(self, member: Member) -> None:
        for members in self._members.values():
            if member in members:
                members.remove(member)


def _merged(properties_: Json, changes: Mapping[str, object]) -> Json:
    merged = {**properties_, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _deleted(id_: str, address: str, at: str) -> Json:
    return {
        "kind": "admin#directory#user",
        "id": id_,
        "primaryEmail": address,
        "deletionTime": f"{at[:19]}.000Z",
    }
