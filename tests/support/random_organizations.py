"""Random small organizations, and the expected people and conflicts, computed in plain Python.

Keys come from small pools, so that nearly every organization has people to join, addresses that are
shared, and numbers that contradict each other.
"""

import json
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import combinations

from hypothesis import strategies as st

from opensense_okta.config.models import Organization
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support import csv_snapshots
from tests.support.csv_snapshots import Tables, tables_of
from tests.support.stored import DAY, Row

NAMES = ("okta", "entra", "hr")
KEYS = ("employee_number", "email")
VALUES = ("title", "department", "mobile_phone")
FIELDS = (*KEYS, *VALUES)

POOLS: Mapping[str, Sequence[str]] = {
    "employee_number": ("", "E1", "E2", "e2", "E3"),
    "email": ("", " ", "ada@x.test", "ADA@x.test ", "bob@x.test", "zo\u00eb@x.test", "zoe\u0308@x.test"),
    "title": ("", " ", "Poet", "poet", "Engineer"),
    "department": ("", "\u00a0", "Verse", "Engines"),
    "mobile_phone": ("", "+1 212 555 0123", "+12125550123", "none"),
}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """One account, as its directory writes it."""

    directory: str
    id: str
    values: Mapping[str, str]
    active: bool = True

    @property
    def name(self) -> str:
        """As people and conflicts name it."""
        return f"{self.directory}/{self.id}"

    def key(self, attribute: str) -> str | None:
        """A match key as it is compared: None where it is blank."""
        tidied = " ".join(unicodedata.normalize("NFC", self.values.get(attribute, "")).split())
        return tidied.lower() or None


@dataclass(frozen=True)
class SmallOrganization:
    """An organization's directories, in the order of their precedence, and its rules.

    The data of stale directories is older than `stale_after_days`.
    """

    directories: tuple[str, ...]
    accounts: tuple[Account, ...]
    rules: Mapping[str, object] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()

    @property
    def organization(self) -> Organization:
        """As its file describes it."""
        return Organization.model_validate(
            {
                "name": "acme",
                "timezone": "UTC",
                "first_day": "2026-11-01",
                "directories": {n: {"kind": "csv", "users": "x.csv"} for n in self.directories},
                "resolution": self.rules,
            }
        )

    def store(self, lake: Lake, day: date = DAY) -> None:
        """Commits a snapshot of each directory, with the accounts in their order here."""
        for name in dict.fromkeys([a.directory for a in self.accounts] + [*self.directories]):
            rows = [
                csv_snapshots.account(a.id, a.values, active=a.active)
                for a in self.accounts
                if a.directory == name
            ]
            csv_snapshots.store(lake, name, self.read_on(name, day), rows)

    def read_on(self, directory: str, day: date = DAY) -> date:
        """The date of a directory's snapshot."""
        return day - timedelta(days=7) if directory in self.stale else day

    @property
    def joined_by_hand(self) -> set[str]:
        """The accounts that `always_same` joins with another one."""
        return {name for pair in _pairs(self.rules.get("always_same")) for name in pair}


def resolve_in(lake: Lake, world: SmallOrganization, day: date = DAY) -> Tables:
    """Stores a world and resolves it."""
    world.store(lake, day)
    resolve(world.organization, day, lake)
    return tables_of(lake, day)


# Strategies.


def _accounts(directory: str, *, most: int) -> st.SearchStrategy[list[Account]]:
    values = st.fixed_dictionaries({name: st.sampled_from(POOLS[name]) for name in FIELDS})
    rows = st.lists(st.tuples(values, st.booleans()), max_size=most)
    return rows.map(
        lambda drawn: [
            Account(directory, f"{directory[0]}{number}", texts, active)
            for number, (texts, active) in enumerate(drawn, start=1)
        ]
    )


RULE = st.fixed_dictionaries(
    {},
    optional={
        "precedence": st.lists(st.sampled_from(NAMES), unique=True, max_size=3),
        "blank": st.sampled_from(["wins", "falls_through"]),
    },
)
RULES = st.fixed_dictionaries(
    {"match": st.permutations(KEYS).flatmap(lambda keys: st.sampled_from([keys, keys[:1]]))},
    optional={
        "attributes": st.fixed_dictionaries({}, optional=dict.fromkeys(VALUES, RULE)),
        "inactive_accounts": st.sampled_from(["lowest", "ignore", "equal"]),
    },
)


@st.composite
def organizations(draw: st.DrawFn, most: int = 4) -> SmallOrganization:
    """Any organization of three directories, with single cases settled by hand at times."""
    directories = tuple(draw(st.permutations(NAMES)))
    accounts = [a for name in directories for a in draw(_accounts(name, most=most))]
    rules: dict[str, object] = dict(draw(RULES))
    if len(accounts) > 1 and draw(st.booleans()):
        names = st.sampled_from([a.name for a in accounts])
        two = st.lists(names, min_size=2, max_size=2, unique=True)
        by_hand = draw(st.lists(two, max_size=2))
        # Of different accounts, so that no list takes back what another says.
        if len({name for pair in by_hand for name in pair}) == 2 * len(by_hand):
            keys = draw(st.permutations(["always_same", "never_same"]))
            rules.update({key: [pair] for key, pair in zip(keys, by_hand, strict=False)})
    return SmallOrganization(directories, tuple(accounts), rules)


@st.composite
def orderly_organizations(draw: st.DrawFn) -> SmallOrganization:
    """Humans with a number and an address: directories have one or both of them, and no wrong ones."""
    directories = tuple(draw(st.permutations(NAMES)))
    accounts = []
    for human in range(draw(st.integers(1, 3))):
        for name in draw(st.sets(st.sampled_from(directories), min_size=1)):
            shown = draw(st.sets(st.sampled_from(KEYS), min_size=1))
            keys = {"employee_number": f"E{human}", "email": f"{human}@acme.test"}
            values = {key: keys[key] for key in sorted(shown)}
            values |= {value: draw(st.sampled_from(POOLS[value])) for value in VALUES}
            accounts.append(Account(name, f"{name[0]}{human}", values, draw(st.booleans())))
    return SmallOrganization(
        directories, tuple(accounts), {**draw(RULES), "match": draw(st.permutations(KEYS))}
    )


# Expected results.


def expected_people(world: SmallOrganization) -> tuple[set[frozenset[str]], set[tuple[str, str]]]:
    """The accounts of each person, and each kind of conflict with all accounts of the people concerned.

    A slow and literal reading of what `match`, `always_same` and `never_same` mean; see `cases/`.
    """
    accounts = {a.name: a for a in world.accounts}
    people: dict[str, frozenset[str]] = {name: frozenset([name]) for name in accounts}
    same = _pairs(world.rules.get("always_same"))
    apart = _pairs(world.rules.get("never_same"))
    _join(people, ((a, b) for a, b in map(tuple, same) if {a, b} <= accounts.keys()))
    conflicts: set[tuple[str, str]] = set()
    match = world.rules["match"]
    assert isinstance(match, Sequence)
    for position, key in enumerate(match):
        stronger = match[:position]
        groups = [
            _without_separated(group, accounts, apart)
            for group in _grouped(accounts, lambda a: accounts[a].key(key)).values()  # noqa: B023 - now
        ]
        clear = []
        for group in groups:
            kind = _doubled(group, people)
            if kind:
                conflicts |= {(kind, name) for name in group}
            else:
                clear.append(group)
        after = dict(people)
        _join(after, (pair for group in clear for pair in combinations(group, 2)))
        for joined in set(after.values()):
            before = {people[name] for name in joined}
            if len(before) == 1:
                continue
            contradicting = {
                name
                for group in clear
                for a, b in combinations([n for n in group if n in joined], 2)
                if people[a] != people[b] and _differ(people[a], people[b], stronger, accounts)
                for name in (a, b)
            }
            doubled = any(a.partition("/")[0] == b.partition("/")[0] for a, b in _across(before))
            differing = any(_differ(a, b, stronger, accounts) for a, b in combinations(before, 2))
            separated = any({a, b} in apart for a, b in _across(before))
            if not (doubled or differing or separated):
                people |= dict.fromkeys(joined, joined)
                continue
            conflicts |= {("contradictory_match", name) for name in contradicting}
            others = {p for p in before if not p & contradicting}
            if len(before) > 2 or doubled or differing:  # else it is just what `never_same` says
                conflicts |= {("bridged_match", name) for person in others for name in person}
    return set(people.values()), {(kind, n) for kind, name in conflicts for n in people[name]}


def _pairs(lists: object) -> list[set[str]]:
    return [set(names) for names in lists] if isinstance(lists, list) else []


def _grouped(
    names: Iterable[str], by: Callable[[str], Hashable | None]
) -> Mapping[Hashable, list[str]]:
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        value = by(name)
        if value is not None:
            groups.setdefault(value, []).append(name)
    return groups


def _join(people: dict[str, frozenset[str]], pairs: Iterable[tuple[str, str]]) -> None:
    for a, b in pairs:
        joined = people[a] | people[b]
        people |= dict.fromkeys(joined, joined)


def _without_separated(
    group: list[str], accounts: Mapping[str, Account], apart: list[set[str]]
) -> list[str]:
    """Without those who are separated from everybody of another directory in the group."""
    left = []
    for name in group:
        others = [o for o in group if accounts[o].directory != accounts[name].directory]
        if not others or not all({name, other} in apart for other in others):
            left.append(name)
    return left


def _doubled(group: Sequence[str], people: Mapping[str, frozenset[str]]) -> str | None:
    """The kind of conflict, where a directory has the accounts of two persons in a group."""
    kinds = set()
    for directory, names in _grouped(group, lambda name: name.partition("/")[0]).items():
        if len({people[name] for name in names}) > 1:
            everybody = all(
                any(account.startswith(f"{directory}/") for account in people[name])
                for name in group
            )
            kinds.add("duplicate_in_directory" if everybody else "ambiguous_match")
    return min(kinds, default=None)  # that it could be either weighs more


def _differ(
    a: Iterable[str], b: Iterable[str], keys: Sequence[str], accounts: Mapping[str, Account]
) -> bool:
    """Whether two persons have a key that is filled on both sides and differs."""
    return any(
        mine != yours
        for key in keys
        for mine in {accounts[name].key(key) for name in a} - {None}
        for yours in {accounts[name].key(key) for name in b} - {None}
    )


def _across(persons: Iterable[frozenset[str]]) -> Iterable[tuple[str, str]]:
    """All pairs of accounts of two different persons."""
    return ((a, b) for p, q in combinations(persons, 2) for a in p for b in q)


def details_without_accounts(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """Conflicts by person, kind and attribute."""
    return sorted({(r["person_id"], r["kind"], r["attribute"]) for r in rows}, key=json.dumps)
