"""Advice on an organization's rules, from what they did on a resolved day.

A rule that changes nothing is no mistake: the day is right with it and without it. But nobody would write
it on purpose, so it says that a directory is not what the rule's author took it for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import duckdb

from opensense_okta.config.models import AttributeRule, Organization
from opensense_okta.directories.diagnosis import Diagnosis
from opensense_okta.resolution import rules
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake

ENOUGH = 10  # accounts, people or values for what may look so by chance; facts need no number
ALWAYS = 0.9  # of the people of whom several accounts have a value
MOSTLY_BLANK = 0.5  # of a directory's accounts
DOUBLED = 0.01  # of the values of a match key in one directory

VIEWS = ("accounts", "people", "provenance", "conflicts", "groups")


@dataclass(frozen=True)
class Advice:
    """What might be better in an organization's rules.

    Attributes:
        name: of the kind of advice, always the same.
        subject: the attribute, match key, directory or other part of the file that it is about.
        says: what was found, in words without names of people.
        remedy: what to do.
        numbers: what was found, in numbers.
    """

    name: str
    subject: str
    says: str
    remedy: str
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class _Values:
    """What one directory has of one attribute.

    Attributes:
        accounts: of the directory; filled: those with a value.
        won: people who have the directory's value; contested: those of whom others had one, too.
        keys: different values, if it is a match key; doubled: those that several accounts have.
    """

    accounts: int = 0
    filled: int = 0
    won: int = 0
    contested: int = 0
    keys: int = 0
    doubled: int = 0


@dataclass(frozen=True)
class _Day:
    """A resolved day in numbers, beside the rules it was resolved under.

    Attributes:
        read: the directories that have a snapshot, in their order.
        yielding: those whose values count last because they are stale.
        linked: people with accounts in several directories.
        values: by directory and attribute.
        differing: people of whom directories say different things, by attribute.
        members: memberships in each directory's groups.
        named: accounts that pin and part name, and those that do not exist, by rule and its number.
        blanked: people of whom a blank won against a value, by attribute with `blank: wins`.
        lists: people who have a list, and the longest one, by attribute with `merge: union`.
    """

    organization: Organization
    read: Sequence[str]
    yielding: frozenset[str]
    linked: int
    values: Mapping[tuple[str, str], _Values]
    differing: Mapping[str, int]
    members: Mapping[str, int]
    named: Mapping[tuple[str, int], tuple[int, int]]
    blanked: Mapping[str, int]
    lists: Mapping[str, tuple[int, int]]

    def of(self, directory: str, attribute: str) -> _Values:
        """What a directory has of an attribute; nothing when it has no accounts."""
        return self.values.get((directory, attribute), _Values())

    def accounts(self, directory: str) -> int:
        """How many accounts a directory has."""
        return self.of(directory, "active").accounts


def lint(organization: Organization, lake: Lake, resolved: ResolvedManifest) -> list[Advice]:
    """What might be better in the rules, judged by a day that was resolved under them.

    What is a fact is told of three accounts as of three thousand; what may be chance only where there
    is enough to tell (`ENOUGH`). There is no advice on directories that were never read, or on what a
    stale directory with `when_stale: yield` does not win.

    Args:
        organization: with the rules.
        lake: the organization's.
        resolved: the manifest of the day.
    """
    if resolved.rules != rules.digest(organization):
        return [
            Advice(
                "rules_not_applied",
                "resolution",
                f"The rules were changed since {resolved.day} was resolved: nothing shows what they do.",
                f"Sync with `opensense-okta sync {organization.name}`, or see what they would do with"
                f" `opensense-okta preview {organization.name}`.",
                {},
            )
        ]
    with engine.start(lake.folder) as connection:
        day = _counted(connection, organization, lake, resolved)
    return [
        *_attribute_rules(day),
        *_always_in_conflict(day),
        *_match_keys(day),
        *_directories(day),
        *_by_hand(day),
    ]


def _counted(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
) -> _Day:
    resolution = organization.resolution
    read = [name for name in organization.directories if name in resolved.sources]
    stale = {name for name, source in resolved.sources.items() if source.stale}
    engine.run(connection, __package__, "schema.sql")
    for name in VIEWS:
        engine.view(connection, name, lake.resolved(resolved.day).table(resolved, name))
    engine.run(
        connection,
        __package__,
        "rule_statistics.sql",
        match=list(resolution.match),
        account_rules=_accounts_by_hand(organization, read),
    )
    blank_wins = [name for name, rule in resolution.attributes.items() if rule.blank == "wins"]
    lists = [name for name, rule in resolution.attributes.items() if rule.merge]
    return _Day(
        organization,
        read,
        frozenset(stale) if resolution.when_stale == "yield" else frozenset(),
        connection.table("people").filter("len(directories) > 1").shape[0],
        {(d, a): _Values(*n) for d, a, *n in connection.table("attribute_statistics").fetchall()},
        dict(connection.table("value_conflicts").fetchall()),
        dict(connection.table("group_statistics").fetchall()),
        {
            (rule, number): (n, u)
            for rule, number, n, u in connection.table("named_accounts").fetchall()
        },
        _blanked(connection, blank_wins, inactive_count=resolution.inactive_accounts != "ignore"),
        _lists(connection, lists),
    )


def _accounts_by_hand(organization: Organization, read: Sequence[str]) -> str:
    """The accounts that pin and part name in directories that were read, as JSON."""
    by_hand = {"pin": organization.resolution.pin, "part": organization.resolution.part}
    named = [
        {"rule": rule, "number": number, "directory": directory, "id": account_id}
        for rule, sets in by_hand.items()
        for number, accounts in enumerate(sets, start=1)
        for directory, account_id in (account.split("/", 1) for account in accounts)
    ]
    return json.dumps([one for one in named if one["directory"] in read])


def _blanked(
    connection: duckdb.DuckDBPyConnection, attributes: list[str], *, inactive_count: bool
) -> dict[str, int]:
    if not attributes:
        return {}
    rows = engine.run(
        connection,
        __package__,
        "blanked_people.sql",
        attributes=attributes,
        inactive_count=inactive_count,
    )
    return {str(row["attribute"]): int(str(row["blanked"])) for row in rows}


def _lists(
    connection: duckdb.DuckDBPyConnection, attributes: list[str]
) -> dict[str, tuple[int, int]]:
    if not attributes:
        return {}
    rows = engine.run(connection, __package__, "list_lengths.sql", attributes=attributes)
    return {
        str(row["attribute"]): (int(str(row["people"])), int(str(row["longest"]))) for row in rows
    }


def _attribute_rules(day: _Day) -> Iterator[Advice]:
    for attribute, rule in day.organization.resolution.attributes.items():
        accounts = sum(day.accounts(directory) for directory in day.read)
        if not accounts or len(day.read) < len(day.organization.directories):
            continue  # who knows what the directories have that are still to be read
        if not any(day.of(directory, attribute).filled for directory in day.read):
            yield Advice(
                "rule_without_values",
                attribute,
                f"None of {accounts:,} accounts has a value of {attribute}: its rule has no effect.",
                f"Remove the rule, or say in a directory's `attributes` which field holds {attribute}.",
                {"accounts": accounts},
            )
        elif rule.merge:
            yield from _merge(day, attribute)
        else:
            yield from _precedence(day, attribute, rule)
            if rule.blank == "wins":
                yield from _blank(day, attribute)


def _precedence(day: _Day, attribute: str, rule: AttributeRule) -> Iterator[Advice]:
    listed = [name for name in rule.precedence if day.accounts(name)]
    empty = [name for name in listed if not day.of(name, attribute).filled]
    for name in empty:
        blanks = rule.blank == "wins"
        yield Advice(
            "precedence_without_values",
            attribute,
            f"The precedence of {attribute} names {name}, but none of its {day.accounts(name):,} accounts"
            f" has a value{'; as blank wins, it may blank what others know' if blanks else ''}.",
            f"Say in {name}'s `attributes` which field holds {attribute}, or take {name} off the list.",
            {"accounts": day.accounts(name)},
        )
    having = [name for name in day.read if day.of(name, attribute).filled]
    if rule.precedence and not empty and len(having) == 1 and rule.blank == "falls_through":
        yield Advice(
            "precedence_without_effect",
            attribute,
            f"Only {having[0]} has values of {attribute}: its precedence has no effect.",
            f"Remove the precedence, or map {attribute} in the other directories' `attributes`.",
            {"filled": day.of(having[0], attribute).filled},
        )
    for name in listed:
        filled, won = day.of(name, attribute).filled, day.of(name, attribute).won
        if filled >= ENOUGH and not won and name not in day.yielding:
            yield Advice(
                "precedence_never_wins",
                attribute,
                f"{filled:,} accounts of {name} have a value of {attribute}, and none ever wins: others"
                " that count before it always decide.",
                f"If that is meant, {name} may be left out of the list; else place it further ahead.",
                {"filled": filled, "won": 0},
            )


def _blank(day: _Day, attribute: str) -> Iterator[Advice]:
    if day.linked >= ENOUGH and not day.blanked.get(attribute):
        yield Advice(
            "blank_without_effect",
            attribute,
            f"`blank: wins` of {attribute} changes nothing: of {day.linked:,} people linked across"
            " directories, nobody's blank won against a value.",
            "Remove it, unless it is there for days to come.",
            {"people_linked": day.linked, "blanked": 0},
        )


def _merge(day: _Day, attribute: str) -> Iterator[Advice]:
    people, longest = day.lists.get(attribute, (0, 0))
    if people >= ENOUGH and longest <= 1:
        yield Advice(
            "merge_without_effect",
            attribute,
            f"{people:,} people have a list of {attribute}, and none has more than one value: there is"
            " nothing to merge.",
            f"Remove `merge` to make {attribute} a single value, or map the fields that hold more in the"
            " directories' `attributes`.",
            {"people": people, "longest": longest},
        )


def _always_in_conflict(day: _Day) -> Iterator[Advice]:
    for attribute, differing in sorted(day.differing.items()):
        contested = sum(day.of(directory, attribute).contested for directory in day.read)
        if contested >= ENOUGH and differing >= ALWAYS * contested:
            yield Advice(
                "always_in_conflict",
                attribute,
                f"Of {contested:,} people with several values of {attribute}, {differing:,} have different"
                " ones: the directories do not mean the same by it.",
                f"Look at some people with `opensense-okta explain {day.organization.name} WHO`; map the"
                " field that means the same in all directories, or give what differs a name of its own.",
                {"contested": contested, "differing": differing},
            )


def _match_keys(day: _Day) -> Iterator[Advice]:
    if len(day.read) < 2:
        return  # there is nothing to match
    for key, directory in product(day.organization.resolution.match, day.read):
        found = day.of(directory, key)
        mostly = found.accounts >= ENOUGH and found.filled < MOSTLY_BLANK * found.accounts
        if mostly or (found.accounts and not found.filled):
            yield Advice(
                "key_mostly_blank",
                key,
                f"{found.filled:,} of {found.accounts:,} accounts of {directory} have the match key {key}:"
                " the others are matched by a weaker key, or not at all.",
                f"Say in {directory}'s `attributes` which field holds {key}, fill it in the directory, or"
                " match by another key.",
                {"accounts": found.accounts, "filled": found.filled},
            )
        if found.doubled > DOUBLED * found.keys:
            yield Advice(
                "key_not_unique",
                key,
                f"{found.doubled:,} of {found.keys:,} values of the match key {key} belong to several"
                f" accounts of {directory}: none of these is matched by it.",
                f"Correct the values in {directory}, or match by a stricter key before {key}.",
                {"keys": found.keys, "doubled": found.doubled},
            )


def _directories(day: _Day) -> Iterator[Advice]:
    if len(day.organization.directories) < 2:
        return
    for name in day.read:
        accounts = day.accounts(name)
        won = sum(found.won for (directory, _), found in day.values.items() if directory == name)
        if not accounts:
            yield Advice(
                "directory_without_accounts",
                name,
                f"{name} has no account.",
                f"Check its scope and credentials with `opensense-okta doctor {day.organization.name}`, or"
                " remove it from the organization file.",
                {"accounts": 0},
            )
        elif not (
            won or day.members.get(name) or name in day.yielding or any(day.blanked.values())
        ):
            yield Advice(
                "directory_contributes_nothing",
                name,
                f"{name} has {accounts:,} accounts, but no value of theirs wins, and nobody is in a group"
                " of it: all that it may do is link the accounts of other directories.",
                "Give it precedence for the attributes it knows best, or see what"
                f" `opensense-okta preview {day.organization.name} --rules FILE` shows without it.",
                {"accounts": accounts, "won": 0, "members": 0},
            )


def _by_hand(day: _Day) -> Iterator[Advice]:
    for (rule, number), (accounts, unknown) in sorted(day.named.items()):
        if unknown:
            yield Advice(
                f"{rule}_unknown",
                f"resolution.{rule} {number}",
                f"Set {number} of `{rule}` names {unknown:,} of {accounts:,} accounts that do not exist.",
                "Correct the id (`directory/id`, upper and lower case count), or remove it if the account"
                " was deleted.",
                {"accounts": accounts, "unknown": unknown},
            )


def examine_rules(organization: Organization, lake: Lake) -> list[Diagnosis]:
    """What might be better in the rules, seen on the newest resolved day; nothing before there is one."""
    days = lake.resolved_days()
    resolved = lake.resolved(days[-1]).manifest(ResolvedManifest) if days else None
    if resolved is None:
        return []
    advice = lint(organization, lake, resolved)
    if not advice:
        return [Diagnosis("rules", "ok", "every rule has an effect.")]
    return [Diagnosis("rules", "warn", one.says, one.remedy) for one in advice]
