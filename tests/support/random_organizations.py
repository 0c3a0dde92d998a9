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

from hypothesis import assume
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

VILLAGES = ("v", "w", "y")

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


def _accounts(directory: str, village: str, *, most: int) -> st.SearchStrategy[list[Account]]:
    values = st.fixed_dictionaries({name: st.sampled_from(POOLS[name]) for name in FIELDS})
    rows = st.lists(st.tuples(values, st.booleans()), max_size=most)
    return rows.map(
        lambda drawn: [
            Account(directory, f"{directory[0]}{village}{number}", _of(village, texts), active)
            for number, (texts, active) in enumerate(drawn, start=1)
        ]
    )


def _of(village: str, texts: Mapping[str, str]) -> Mapping[str, str]:
    """The values of an account, with keys that no other village has."""
    return {
        name: f"{village}{text}" if name in KEYS and text.strip() else text
        for name, text in texts.items()
    }


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
    """Any organization of three directories, with single cases settled by hand at times.

    To resolve takes the same time for one account and for fifty. So an organization has several villages:
    sets of accounts that share no key with another set.
    """
    directories = tuple(draw(st.permutations(NAMES)))
    rules: dict[str, object] = dict(draw(RULES))
    accounts: list[Account] = []
    by_hand: dict[str, list[list[str]]] = {}
    for village in VILLAGES:
        people = [a for name in directories for a in draw(_accounts(name, village, most=most))]
        accounts += people
        for key, pair in draw(_settled_by_hand([a.name for a in people])).items():
            by_hand.setdefault(key, []).append(pair)
    assume(len(accounts) > most)  # the first example that is tried is the simplest one
    return SmallOrganization(directories, tuple(accounts), rules | by_hand)


@st.composite
def _settled_by_hand(draw: st.DrawFn, names: Sequence[str]) -> Mapping[str, list[str]]:
    """At times two accounts that are always, or never, one person; or one such pair of each kind."""
    if len(names) < 2 or not draw(st.booleans()):
        return {}
    two = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    pairs = draw(st.lists(two, max_size=2))
    # Of different accounts, so that no list takes back what another says.
    if len({name for pair in pairs for name in pair}) < 2 * len(pairs):
        return {}
    return dict(zip(draw(st.permutations(["always_same", "never_same"])), pairs, strict=False))


@st.composite
def orderly_organizations(draw: st.DrawFn) -> SmallOrganization:
    """Humans with a number and an address: directories have one or both of them, and no wrong ones."""
    directories = tuple(draw(st.permutations(NAMES)))
    accounts = []
    for human in range(draw(st.integers(6, 9))):
        for name in draw(st.sets(st.sampled_from(directories), min_size=1)):
            shown = draw(st.sets(st.sampled_from(KEYS), min_size=1))
            keys = {"employee_number": f"E{human}", "email": f"{human}@acme.test"}
            values = {key: keys[key] for key in sorted(shown)}
            values |= {value: draw(st.sampled_from(POOLS[value])) for value in VALUES}
            accounts.append(Account(name, f"{name[0]}{human}", values, draw(st.booleans())))
    assume(len(accounts) > 9)
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
        step = _Step(accounts, people, apart, match[:position])
        named = _grouped(accounts, lambda name: accounts[name].key(key))  # noqa: B023 - now
        clear = []
        for group in named.values():
            found, identifying = step.of_value(_without_separated(group, accounts, apart))
            conflicts |= found
            clear.append(identifying)
        joined, found = step.of_links(clear)
        conflicts |= found
        _join(people, joined)
    return set(people.values()), {(kind, n) for kind, name in conflicts for n in people[name]}


Person = frozenset[str]
Found = set[tuple[str, str]]


@dataclass(frozen=True)
class _Step:
    """What one key decides; `people` are those that the stronger keys made."""

    accounts: Mapping[str, Account]
    people: Mapping[str, Person]
    apart: list[set[str]]
    stronger: Sequence[str]

    def of_value(self, group: list[str]) -> tuple[Found, list[str]]:
        """The conflicts of the accounts with one value, and the accounts that the value can join."""
        persons = {
            directory: {self.people[name] for name in names}
            for directory, names in _grouped(group, _directory).items()
        }
        repeated = {d: found for d, found in persons.items() if len(found) > 1}
        ignored = {
            person
            for found in repeated.values()
            if any(map(self._active, found))
            for person in found
            if not self._active(person)
        }
        ambiguous = {
            d: found - ignored for d, found in repeated.items() if len(found - ignored) > 1
        }
        choices = {
            (person, d): [other for other in found if not self._separations(person, other)]
            for d, found in ambiguous.items()
            for person in {self.people[name] for name in group} - ignored
            if d not in [_directory(name) for name in person]
        }
        conflicts: Found = set()
        if any(choices.values()):
            conflicts = {("ambiguous_match", name) for name in group}
        else:
            doubled = {person for found in repeated.values() for person in found}
            conflicts = {
                ("duplicate_in_directory", name) for name in group if self.people[name] in doubled
            }
        for (person, d), possible in choices.items():
            for other in ambiguous[str(d)] if not possible else ():
                if "key" in self._separations(person, other):
                    conflicts |= {
                        ("contradictory_match", n)
                        for n in group
                        if self.people[n] in (person, other)
                    }
        if ambiguous:
            return conflicts, []
        return conflicts, [name for name in group if self.people[name] not in ignored]

    def of_links(self, clear: list[list[str]]) -> tuple[list[tuple[str, str]], Found]:
        """The pairs of accounts that are joined, and why others are not."""
        pairs = [
            (a, b)
            for group in clear
            for a, b in combinations(group, 2)
            if self.people[a] != self.people[b]
        ]
        joined: list[tuple[str, str]] = []
        conflicts: Found = set()
        for component in self._connected(pairs):
            inside = [pair for pair in pairs if self.people[pair[0]] in component]
            possible = [pair for pair in inside if not self._of_pair(pair)]
            bridged: set[Person] = set()
            contradicting: set[str] = set()
            if not any(self._separations(p, q) for p, q in combinations(component, 2)):
                joined += inside
                continue
            for pair in inside:
                if "key" in self._of_pair(pair):
                    contradicting |= {*pair}
                elif "directory" in self._of_pair(pair):
                    bridged |= {self.people[name] for name in pair}
            for part in self._connected(possible):
                opponents = {
                    p: {q for q in part if q != p and self._separations(p, q)} for p in part
                }
                if any(opponents.values()):
                    bridged |= part
                joined += [
                    (a, b)
                    for a, b in possible
                    if self.people[a] in part
                    and opponents[self.people[a]] == opponents[self.people[b]]
                ]
            conflicts |= {("contradictory_match", name) for name in contradicting}
            conflicts |= {
                ("bridged_match", n)
                for person in bridged
                if not person & contradicting
                for n in person
            }
        return joined, conflicts

    def _active(self, person: Person) -> bool:
        return any(self.accounts[name].active for name in person)

    def _of_pair(self, pair: tuple[str, str]) -> set[str]:
        return self._separations(self.people[pair[0]], self.people[pair[1]])

    def _separations(self, one: Person, other: Person) -> set[str]:
        """Why two persons must stay separate."""
        reasons = set()
        if _differ(one, other, self.stronger, self.accounts):
            reasons.add("key")
        if {*map(_directory, one)} & {*map(_directory, other)}:
            reasons.add("directory")
        if any({a, b} in self.apart for a in one for b in other):
            reasons.add("rule")
        return reasons

    def _connected(self, pairs: Sequence[tuple[str, str]]) -> list[set[Person]]:
        sets: dict[Person, set[Person]] = {person: {person} for person in self.people.values()}
        for a, b in pairs:
            union = sets[self.people[a]] | sets[self.people[b]]
            sets |= dict.fromkeys(union, union)
        found = {id(together): together for together in sets.values() if len(together) > 1}
        return list(found.values())


def _directory(name: str) -> str:
    return name.partition("/")[0]


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


def details_without_accounts(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """Conflicts by person, kind and attribute."""
    return sorted({(r["person_id"], r["kind"], r["attribute"]) for r in rows}, key=json.dumps)
