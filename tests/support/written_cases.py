"""The hand-written cases of resolution (`cases/*.yaml`): what a case may say, and how it is set up.

A case is an organization on one day:

    - title: Inactive accounts' values count after all active ones
      directories:                          # in the order of their precedence
        okta: {o1: {email: ada@acme.test, title: Engineer, inactive: true}}   # id: values
        hr: {h1: {email: ada@acme.test, title: Poet}}
      rules: {inactive_accounts: lowest}     # the section `resolution` of the organization file
      people:                               # all of them, by their accounts; the anchor first
        okta/o1 hr/h1:
          title: Poet
          because: {title: [hr/h1, okta has Engineer]}    # where the value is from, and what lost
      conflicts:                            # all of them; `of` has one account of each person
        - {kind: value, on: title, of: [okta/o1]}

Resolving a day costs the same for one case and for many. So the cases whose rules are the same are
resolved together, as one organization: each case's ids and keys carry a mark of its own, which nothing
in another case can match, and lose it again before anything is compared.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import account, store
from tests.support.stored import DAY, group, record_identities

CASES = Path(__file__).parents[1] / "resolution" / "cases"

Account = Mapping[str, str | bool]
Accounts = Mapping[str, Account]
NotRead = Literal["never read", "not read today"]
Value = str | bool | list[str] | None
Because = Mapping[str, list[str]]

ORDER = ("ad", "acme", "okta", "hr", "entra", "legacy", "doors", "globex")
"""Cases whose directories come in this order can be one organization."""

MARKED = (
    "badge",
    "display_name",
    "email",
    "employee_number",
    "immutable_id",
    "manager",
    "user_name",
)
"""Attributes that say who somebody is."""

# fmt: off
UNMARKED = {
    "N/A", "NA", "n/a", "n.a.", "#N/A", "none", "(none)", "null", "nil", "Unknown", "TBD", "TBA",
    "-", "--", "?", "0", "00", "000-00", "1111", "99999",
    "999-9999", "111 111", "N / A", "N.A", "T.B.D.", "#REF!", "#NAME?", "Not provided", "unassigned",
    "<null>", "XXXXX", "00000000-0000-0000-0000-000000000000", "\u2014", "k. A.",
}
# fmt: on
"""Values of the cases that are no keys. A mark would make keys of them."""

EXPLAINED = ("id_of", "manager_is", "because")
"""Keys of a person that are no attributes."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Part):
    """A group of a directory, and the ids of the accounts and of the groups in it."""

    name: str
    members: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Conflict(_Part):
    """A conflict of each of some persons.

    Attributes:
        on: the attribute that differs, or the key that is ambiguous.
        of: one account of each person concerned.
    """

    kind: str
    on: str
    of: tuple[str, ...]


class Case(_Part):
    """Accounts and rules in, people and conflicts out.

    Attributes:
        title: what the case shows.
        earlier: the directories on the days before, which were published; the last is yesterday.
        unpublished: the days before were resolved, but never published.
        directories: the accounts of each by id, as read today; or that it was not read.
        age: how many days before today a directory was last read.
        mapped: a directory's `attributes` in the organization file.
        not_nested: the directories with `nested: false`.
        groups: by `directory/id`.
        rules: the section `resolution` of the organization file.
        rules_before: the same on the days before, if it was another one.
        ledger_of_0_1: whether version 0.1 published the days before.
        people: all, by their accounts, the anchor first. Of each: values of attributes; `id_of`, the
            account that the person's id follows from, when it is not the anchor; `manager_is`, an
            account of the manager; `because`, where values came from.
        conflicts: all.
        members: for each group, one account of each person in it; checked if given.
        not_direct: those of them who are members by a nested group only.
        fails: the message of the error; there are no people then.
    """

    title: str
    earlier: tuple[Mapping[str, Accounts], ...] = ()
    unpublished: bool = False
    directories: Mapping[str, Accounts | NotRead]
    age: Mapping[str, int] = {}
    mapped: Mapping[str, Mapping[str, str]] = {}
    not_nested: tuple[str, ...] = ()
    groups: Mapping[str, Group] = {}
    rules: Mapping[str, object] = {}
    rules_before: Mapping[str, object] | None = None
    ledger_of_0_1: bool = False
    people: Mapping[str, Mapping[str, Value | Because]] = {}
    conflicts: tuple[Conflict, ...] = ()
    members: Mapping[str, tuple[str, ...]] | None = None
    not_direct: Mapping[str, tuple[str, ...]] = {}
    fails: str | None = None


def written_cases() -> list[Case]:
    """All cases of all files."""
    yaml = YAML(typ="safe", pure=True)
    return [
        Case.model_validate(case)
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.load(path.read_text(encoding="utf-8"))
    ]


def organizations(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """The cases that can be resolved together, by what they have in common."""
    together: dict[str, list[Case]] = {}
    for case in cases:
        in_order = [name for name in ORDER if name in case.directories] == [*case.directories]
        common = [
            None if in_order else [*case.directories],
            {
                name: rule
                for name, rule in case.rules.items()
                if name not in ("always_same", "never_same")
            },
            case.age,
            case.not_nested,
            [name for name, accounts in case.directories.items() if isinstance(accounts, str)],
            case.unpublished,
            case.title if case.rules_before is not None else None,
            case.ledger_of_0_1,
            case.fails,
        ]
        together.setdefault(json.dumps(common, sort_keys=True), []).append(case)
    return together


def mark_of(case: Case) -> str:
    """The suffix that makes a case's ids and keys unique: the digest of its title, in brackets."""
    return f"\u27e8{sha256(case.title.encode()).hexdigest()[:6]}\u27e9"


def as_one(cases: Sequence[Case]) -> Case:
    """One organization of all the cases, each with its mark."""
    marked = [_marked(case, mark_of(case)) for case in cases]
    names = {name for case in marked for name in case.directories}
    first = [*cases[0].directories]
    in_order = first == [name for name in ORDER if name in first]
    order = [name for name in ORDER if name in names] if in_order else first
    # Counted from yesterday: the last day before is every case's yesterday.
    days = zip_longest(*(reversed(case.earlier) for case in marked), fillvalue={})
    rules = {"always_same": _all(marked, "always_same"), "never_same": _all(marked, "never_same")}
    return marked[0].model_copy(
        update={
            "directories": _united([case.directories for case in marked], order),
            "earlier": tuple(_united(day, order) for day in days)[::-1],
            "groups": {name: item for case in marked for name, item in case.groups.items()},
            "mapped": {name: item for case in marked for name, item in case.mapped.items()},
            "rules": {**marked[0].rules, **{key: lists for key, lists in rules.items() if lists}},
        }
    )


def set_up(case: Case, lake: Lake) -> Organization:
    """Stores a case's snapshots, publishes its days before, and returns its organization."""
    organization = _organization(case, lake)
    before = organization
    if case.rules_before is not None:
        before = _organization(case.model_copy(update={"rules": case.rules_before}), lake)
    for days_ago, directories in zip(range(len(case.earlier), 0, -1), case.earlier, strict=True):
        day = DAY - timedelta(days=days_ago)
        for name, accounts in directories.items():
            store(lake, name, day, _rows(accounts))
        resolve(before, day, lake)
        if not case.unpublished:
            record_identities(lake, day, of_0_1=case.ledger_of_0_1)
    for name, written in case.directories.items():
        if isinstance(written, str):
            continue
        own = {
            group_id.removeprefix(f"{name}/"): item
            for group_id, item in case.groups.items()
            if group_id.startswith(f"{name}/")
        }
        store(
            lake,
            name,
            DAY - timedelta(days=case.age.get(name, 0)),
            _rows(written),
            [group(group_id, item.name) for group_id, item in own.items()],
            [(group_id, member) for group_id, item in own.items() for member in item.members],
            [(group_id, member) for group_id, item in own.items() for member in item.groups],
        )
    return organization


def _marked(case: Case, mark: str) -> Case:
    """The case with its mark behind each id and each value that identifies a person."""

    def account(values: Account) -> Account:
        return {
            name: _behind(value, mark) if name in MARKED and isinstance(value, str) else value
            for name, value in values.items()
        }

    def directory(accounts: Accounts | NotRead) -> Accounts | NotRead:
        if isinstance(accounts, str):
            return accounts
        return {_behind(name, mark): account(values) for name, values in accounts.items()}

    groups = {
        _behind(name, mark): Group(
            name=_behind(group.name, mark),
            members=tuple(_behind(member, mark) for member in group.members),
            groups=tuple(_behind(member, mark) for member in group.groups),
        )
        for name, group in case.groups.items()
    }

    def rules(written: Mapping[str, object]) -> Mapping[str, object]:
        by_hand = {
            key: [[_behind(name, mark) for name in accounts] for accounts in _lists(written, key)]
            for key in ("always_same", "never_same")
            if key in written
        }
        return {**written, **by_hand}

    return case.model_copy(
        update={
            "directories": {
                name: directory(accounts) for name, accounts in case.directories.items()
            },
            "earlier": tuple(
                {name: directory(accounts) for name, accounts in day.items()}
                for day in case.earlier
            ),
            "groups": groups,
            "rules": rules(case.rules),
            "rules_before": None if case.rules_before is None else rules(case.rules_before),
        }
    )


def _behind(text: str, mark: str) -> str:
    """A text with the mark behind its last letter; blanks and placeholders stay as they are."""
    filled = text.rstrip()
    if filled.strip() in UNMARKED:
        return text
    return filled + mark + text[len(filled) :] if filled else text


def _united(
    days: Sequence[Mapping[str, Accounts | NotRead]], order: Iterable[str]
) -> dict[str, Accounts | NotRead]:
    """All accounts of each directory."""
    united: dict[str, Accounts | NotRead] = {}
    for name in order:
        read = [day[name] for day in days if name in day]
        if any(isinstance(accounts, str) for accounts in read):
            united[name] = read[0]  # all cases of a group have the same
        elif read:
            united[name] = {
                account_id: values
                for accounts in read
                if not isinstance(accounts, str)
                for account_id, values in accounts.items()
            }
    return united


def _lists(rules: Mapping[str, object], key: str) -> list[list[str]]:
    lists = rules.get(key, [])
    assert isinstance(lists, list)
    return lists


def _all(cases: Sequence[Case], key: str) -> list[list[str]]:
    return [accounts for case in cases for accounts in _lists(case.rules, key)]


def _organization(case: Case, lake: Lake) -> Organization:
    """The case's organization, loaded from a file, so that its rules are validated."""
    lake.create()
    file = lake.scratch / f"{lake.organization}.yaml"
    directories = {
        name: {
            "kind": "csv",
            "users": f"{name}.csv",
            "attributes": case.mapped.get(name, {}),
            **({"nested": False} if name in case.not_nested else {}),
        }
        for name in case.directories
    }
    data = {
        "timezone": "UTC",
        "first_day": "2026-11-01",
        "directories": directories,
        "resolution": case.rules,
    }
    file.write_text(json.dumps(data), encoding="utf-8")  # which is YAML, too
    return load_organization(file)


def _rows(accounts: Accounts) -> list[Mapping[str, object]]:
    return [
        account(
            account_id,
            {name: str(value) for name, value in values.items() if name != "inactive"},
            active=not values.get("inactive", False),
        )
        for account_id, values in accounts.items()
    ]
