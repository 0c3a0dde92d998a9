"""The changes of one day in an org: joiners, leavers, movers, renames, phones, groups."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from opensense_okta.simulator.company.founding import PROJECTS, manager_of
from opensense_okta.simulator.company.people import dice, job, office_phone
from opensense_okta.simulator.company.state import State, midnight, stamp


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of the org that changes on a day; with a rate above zero, at least one a day."""

    joiners: float = 0.004
    leavers: float = 0.003
    movers: float = 0.005
    renames: float = 0.001
    phones: float = 0.005
    logins: float = 0.2
    members_added: float = 0.004
    members_removed: float = 0.003
    groups_created: float = 0.004
    groups_deleted: float = 0.003
    groups_kept: float = 0.0
    """Of the groups, those whose members do not change."""


QUIET = Rates(
    joiners=0.002,
    leavers=0.002,
    movers=0.001,
    renames=0.001,
    phones=0.001,
    logins=0,
    members_added=0.001,
    members_removed=0.001,
    groups_created=0.001,
    groups_deleted=0.001,
    groups_kept=0.98,
)
"""A day on which 1 % of the users and the members of 2 % of the groups change."""


class Day:
    """One day of an org. Its changes depend on the org's seed, the date and the state before."""

    def __init__(self, org: State, rates: Rates) -> None:
        self._org = org
        self._rates = rates
        self._rng = dice(org.seed, org.day)
        self._present = [
            user_id for user_id, user in org.users.items() if user["status"] != "DEPROVISIONED"
        ][1:]
        self._open = self._open_groups()

    def simulate(self) -> None:
        """Make all changes of the day."""
        self._deletions()
        self._leavers()
        self._movers()
        self._renames()
        self._phones()
        self._logins()
        self._groups()
        self._memberships()
        self._joiners()

    def _at(self) -> str:
        return stamp(midnight(self._org.day) + self._rng.randrange(86_400))

    def _count(self, rate: float, total: int) -> int:
        return min(total, max(1, round(rate * total))) if rate else 0

    def _some(self, rate: float) -> Iterator[str]:
        """A share of the present users, always without the first administrator."""
        count = self._count(rate, len(self._present))
        return iter(self._rng.sample(self._present, count))

    def _deletions(self) -> None:
        """Delete some of the users who were deactivated more than a week ago."""
        org, long_ago = self._org, stamp(midnight(self._org.day) - 7 * 86_400)
        inactive = [
            user_id
            for user_id, user in org.users.items()
            if user["status"] == "DEPROVISIONED" and user["statusChanged"] < long_ago
        ]
        count = self._count(self._rates.leavers, len(self._present)) if inactive else 0
        for user_id in self._rng.sample(inactive, min(count, len(inactive))):
            org.remove_user(user_id)

    def _leavers(self) -> None:
        leavers = list(self._some(self._rates.leavers))
        for user_id in leavers:
            at = self._at()
            self._org.set_status(user_id, "DEPROVISIONED", at)
            if self._rng.random() < 0.5:
                for group_id in self._open_groups_of(user_id):
                    self._org.remove_member(group_id, user_id, at)
            del self._present[bisect_left(self._present, user_id)]

    def _movers(self) -> None:
        for user_id in self._some(self._rates.movers):
            at = self._at()
            changes = job(self._rng) | manager_of(self._org, self._rng, user_id)
            self._org.update_profile(user_id, changes, at)
            for group_id in self._open_groups_of(user_id)[:1]:
                self._org.remove_member(group_id, user_id, at)
            self._join_some_group(user_id, at)

    def _renames(self) -> None:
        for user_id in self._some(self._rates.renames):
            profile = self._org.users[user_id]["profile"]
            self._org.update_profile(
                user_id, self._org.people.rename(self._rng, profile), self._at()
            )

    def _phones(self) -> None:
        for user_id in self._some(self._rates.phones):
            city = self._org.users[user_id]["profile"].get("city")
            number = office_phone(self._rng, city) if self._rng.random() < 0.8 else None
            attribute = self._rng.choice(("mobilePhone", "primaryPhone"))
            self._org.update_profile(user_id, {attribute: number}, self._at())

    def _logins(self) -> None:
        for user_id in self._some(self._rates.logins):
            if self._org.users[user_id]["status"] == "ACTIVE":
                self._org.log_in(user_id, self._at())

    def _groups(self) -> None:
        org, rng, total = self._org, self._rng, len(self._org.group_ids)
        for _ in range(self._count(self._rates.groups_deleted, total)):
            if candidates := self._open:
                few = rng.sample(candidates, min(3, len(candidates)))
                org.remove_group(min(few, key=lambda group_id: len(org.members(group_id))))
                self._open = [group_id for group_id in self._open if group_id in org.groups]
        for _ in range(self._count(self._rates.groups_created, total)):
            if org.former_group_names and rng.random() < 0.5:
                name = org.former_group_names.pop(0)
            else:
                name = f"Project {rng.choice(PROJECTS)} {org.day:%y%m%d}-{rng.randrange(100)}"
            at = self._at()
            group_id = org.add_group(rng, name, at=at)
            for user_id in sorted(self._some(min(1.0, 5 / (len(self._present) or 1)))):
                org.add_member(group_id, user_id, at)
        if not self._rates.groups_kept:
            self._open = self._open_groups()

    def _memberships(self) -> None:
        org, groups = self._org, self._open
        total = sum(len(org.members(group_id)) for group_id in groups)
        for _ in range(self._count(self._rates.members_removed, total)):
            group_id = self._rng.choice(groups)
            if members := org.members(group_id):
                org.remove_member(group_id, self._rng.choice(members), self._at())
        for _ in range(self._count(self._rates.members_added, total)):
            for user_id in self._some(1e-9):
                org.add_member(self._rng.choice(groups), user_id, self._at())

    def _joiners(self) -> None:
        """Add users; the stamp of "Everyone" changes for some of them only."""
        org, rng = self._org, self._rng
        for user_id in self._present if self._rates.joiners else ():
            if org.users[user_id]["status"] in ("STAGED", "PROVISIONED") and rng.random() < 0.2:
                org.activate(user_id, self._at())
        for _ in range(self._count(self._rates.joiners, len(self._present))):
            at, status = self._at(), rng.choice(("ACTIVE", "ACTIVE", "PROVISIONED", "STAGED"))
            user_id = org.add_user(rng, status, at)
            org.update_profile(user_id, manager_of(org, rng, user_id), at)
            self._join_some_group(user_id, at)
            if rng.random() < 0.5:
                org.groups[org.everyone]["lastMembershipUpdated"] = at

    def _open_groups(self) -> list[str]:
        """The groups whose members are managed in Okta, or those of them that change on the day."""
        groups = self._org.groups
        managed = [group_id for group_id in groups if groups[group_id]["type"] == "OKTA_GROUP"]
        if not self._rates.groups_kept:
            return managed
        changing = self._count(1 - self._rates.groups_kept, len(managed))
        return sorted(self._rng.sample(managed, changing))

    def _open_groups_of(self, user_id: str) -> list[str]:
        return [group for group in self._open if self._org.is_member(group, user_id)]

    def _join_some_group(self, user_id: str, at: str) -> None:
        if self._open:
            self._org.add_member(self._rng.choice(self._open), user_id, at)
