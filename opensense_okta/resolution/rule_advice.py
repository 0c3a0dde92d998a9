"""Advice on an organization's rules, from their effect on a resolved day.

A rule without effect is not an error: the day is the same without it. But nobody writes such a rule on
purpose, so it shows that a directory's data is not as the author of the rule expected.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from opensense_okta.config.models import AttributeRule, Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.values import text_functions
from opensense_okta.resolution import rules
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.resolution.scope_advice import advise_scope
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

MIN_SAMPLE = 10  # accounts, people or values: fewer may show a pattern by chance
ALWAYS_DIFFERENT = 0.9  # share of the people with several values
MOSTLY_FILLED = 0.5  # share of a directory's accounts
MAX_REPEATED = 0.01  # share of the values of a match key in one directory

VIEWS = ("accounts", "people", "provenance", "conflicts", "groups")


@dataclass(frozen=True)
class _Statistics:
    """Counts of one attribute in one directory.

    Attributes:
        accounts: of the directory.
        filled: accounts with a value.
        won: people who have the directory's value.
        contested: people who have the directory's value, and another directory has one, too.
        keys: distinct values, if the attribute is a match key.
        repeated: distinct values that several accounts have.
    """

    accounts: int = 0
    filled: int = 0
    won: int = 0
    contested: int = 0
    keys: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class _ResolvedDay:
    """Counts of a resolved day, with the organization whose rules apply to it.

    Attributes:
        directories: those that have a snapshot, in the order of the organization file.
        stale_last: directories with the lowest precedence because their data is stale.
        linked: people with accounts in several directories.
        statistics: by directory and attribute.
        differing: people with a value conflict, by attribute.
        members: memberships in each directory's groups.
        named: accounts that `always_same` and `never_same` name, and how many do not exist, by rule and
            set.
        blanked: people who lost a value because a blank won, by attribute with `blank: wins`.
        lists: people who have a list, and the longest list, by attribute with `merge: union`.
    """

    organization: Organization
    directories: Sequence[str]
    stale_last: frozenset[str]
    linked: int
    statistics: Mapping[tuple[str, str], _Statistics]
    differing: Mapping[str, int]
    members: Mapping[str, int]
    named: Mapping[tuple[str, int], tuple[int, int]]
    blanked: Mapping[str, int]
    lists: Mapping[str, tuple[int, int]]

    def of(self, directory: str, attribute: str) -> _Statistics:
        """The counts of an attribute in a directory; all zero if the directory has no accounts."""
        return self.statistics.get((directory, attribute), _Statistics())

    def accounts(self, directory: str) -> int:
        """The number of accounts of a directory."""
        return self.of(directory, "active").accounts


def _advice(
    name: str, subject: str, message: str, hint: str, numbers: Mapping[str, int]
) -> CheckResult:
    """A possible improvement of the rules: a warning about an attribute, match key or directory."""
    return CheckResult(
        name=name,
        passed=False,
        severity="warning",
        subject=subject,
        message=message,
        hint=hint,
        numbers=numbers,
    )


def advise(organization: Organization, lake: Lake, resolved: ResolvedManifest) -> list[CheckResult]:
    """Returns advice on the rules, from a day that was resolved under them.

    Statistical advice needs `MIN_SAMPLE` accounts, people or values; facts do not. There is no advice on
    directories that were never read, and none on values that lose because their directory is stale.

    Args:
        organization: with the rules.
        lake: the organization's.
        resolved: the manifest of the day.
    """
    if resolved.rules != rules.digest(organization):
        return [
            _advice(
                "rules_not_applied",
                "resolution",
                f"The rules were changed after {resolved.day} was resolved: their effect is not known yet.",
                f"Sync with `opensense-okta sync {organization.name}`, or show their effect with"
                f" `opensense-okta preview {organization.name}`.",
                {},
            )
        ]
    with engine.start(lake.scratch) as connection, text_functions.functions(connection):
        day = _count(Sql(connection, __package__), organization, lake, resolved)
    return [
        *_attribute_rules(day),
        *_always_in_conflict(day),
        *_match_keys(day),
        *_directories(day),
        *_single_cases(day),
        *advise_scope(organization, lake, resolved),
    ]


def _count(
    sql: Sql, organization: Organization, lake: Lake, resolved: ResolvedManifest
) -> _ResolvedDay:
    resolution = organization.resolution
    directories = [name for name in organization.directories if name in resolved.sources]
    stale = {name for name, source in resolved.sources.items() if source.stale}
    connection = sql.connection
    text_functions.define_macros(connection)
    sql.run("schema.sql")
    for name in VIEWS:
        engine.view(connection, name, lake.resolved(resolved.day).table(resolved, name))
    lists = [name for name, rule in resolution.attributes.items() if rule.merge]
    sql.run(
        "rule_statistics.sql",
        match=list(resolution.match),
        lists=lists,
        account_rules=_named_accounts(organization, directories),
    )
    blank_wins = [name for name, rule in resolution.attributes.items() if rule.blank == "wins"]
    return _ResolvedDay(
        organization,
        directories,
        frozenset(stale) if resolution.when_stale == "lowest" else frozenset(),
        connection.table("people").filter("len(directories) > 1").shape[0],
        {
            (directory, attribute): _Statistics(*counts)
            for directory, attribute, *counts in connection.table("attribute_statistics").fetchall()
        },
        dict(connection.table("value_conflicts").fetchall()),
        dict(connection.table("group_statistics").fetchall()),
        {
            (rule, number): (accounts, unknown)
            for rule, number, accounts, unknown in connection.table("named_accounts").fetchall()
        },
        _blanked(sql, blank_wins, inactive_count=resolution.inactive_accounts != "ignore"),
        _lists(sql, lists),
    )


def _named_accounts(organization: Organization, directories: Sequence[str]) -> str:
    """The accounts of these directories that `always_same` and `never_same` name, as JSON."""
    rules = {
        "always_same": organization.resolution.always_same,
        "never_same": organization.resolution.never_same,
    }
    return json.dumps(
        [
            {"rule": rule, "number": number, "directory": directory, "id": account_id}
            for rule, sets in rules.items()
            for number, accounts in enumerate(sets, start=1)
            for directory, account_id in (account.split("/", 1) for account in accounts)
            if directory in directories
        ]
    )


def _blanked(sql: Sql, attributes: list[str], *, inactive_count: bool) -> dict[str, int]:
    if not attributes:
        return {}
    rows = sql.rows(
        "blanked_people.sql",
        tuple[str, int],
        attributes=attributes,
        inactive_count=inactive_count,
    )
    return dict(rows)


def _lists(sql: Sql, attributes: list[str]) -> dict[str, tuple[int, int]]:
    if not attributes:
        return {}
    rows = sql.rows("list_lengths.sql", tuple[str, int, int], attributes=attributes)
    return {attribute: (people, longest) for attribute, people, longest in rows}


def _attribute_rules(day: _ResolvedDay) -> Iterator[CheckResult]:
    for attribute, rule in day.organization.resolution.attributes.items():
        accounts = sum(day.accounts(directory) for directory in day.directories)
        if not accounts or len(day.directories) < len(day.organization.directories):
            continue  # a directory that is not read yet may have values
        if not any(day.of(directory, attribute).filled for directory in day.directories):
            yield _advice(
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


def _precedence(day: _ResolvedDay, attribute: str, rule: AttributeRule) -> Iterator[CheckResult]:
    listed = [name for name in rule.precedence if day.accounts(name)]
    empty = [name for name in listed if not day.of(name, attribute).filled]
    for name in empty:
        blanks = rule.blank == "wins"
        yield _advice(
            "precedence_without_values",
            attribute,
            f"The precedence of {attribute} names {name}, but none of its {day.accounts(name):,} accounts"
            f" has a value{'; as blank wins, it may remove the values of others' if blanks else ''}.",
            f"Say in {name}'s `attributes` which field holds {attribute}, or take {name} off the list.",
            {"accounts": day.accounts(name)},
        )
    with_values = [name for name in day.directories if day.of(name, attribute).filled]
    if rule.precedence and not empty and len(with_values) == 1 and rule.blank == "falls_through":
        yield _advice(
            "precedence_without_effect",
            attribute,
            f"Only {with_values[0]} has values of {attribute}: its precedence has no effect.",
            f"Remove the precedence, or map {attribute} in the other directories' `attributes`.",
            {"filled": day.of(with_values[0], attribute).filled},
        )
    for name in listed:
        filled, won = day.of(name, attribute).filled, day.of(name, attribute).won
        if filled >= MIN_SAMPLE and not won and name not in day.stale_last:
            yield _advice(
                "precedence_never_wins",
                attribute,
                f"{filled:,} accounts of {name} have a value of {attribute}, and none ever wins: directories"
                " with higher precedence always have a value, too.",
                f"If that is intended, remove {name} from the list; else move it up.",
                {"filled": filled, "won": 0},
            )


def _blank(day: _ResolvedDay, attribute: str) -> Iterator[CheckResult]:
    if day.linked >= MIN_SAMPLE and not day.blanked.get(attribute):
        yield _advice(
            "blank_without_effect",
            attribute,
            f"`blank: wins` of {attribute} changes nothing: of {day.linked:,} people linked across"
            " directories, nobody's blank won against a value.",
            "Remove it, unless it is meant for later days.",
            {"people_linked": day.linked, "blanked": 0},
        )


def _merge(day: _ResolvedDay, attribute: str) -> Iterator[CheckResult]:
    people, longest = day.lists.get(attribute, (0, 0))
    if people >= MIN_SAMPLE and longest <= 1:
        yield _advice(
            "merge_without_effect",
            attribute,
            f"{people:,} people have a list of {attribute}, and none has more than one value: there is"
            " nothing to merge.",
            f"Remove `merge` to make {attribute} a single value, or map the fields that hold more in the"
            " directories' `attributes`.",
            {"people": people, "longest": longest},
        )


def _always_in_conflict(day: _ResolvedDay) -> Iterator[CheckResult]:
    for attribute, differing in sorted(day.differing.items()):
        contested = sum(day.of(directory, attribute).contested for directory in day.directories)
        if contested >= MIN_SAMPLE and differing >= ALWAYS_DIFFERENT * contested:
            yield _advice(
                "always_in_conflict",
                attribute,
                f"Of {contested:,} people with several values of {attribute}, {differing:,} have different"
                " ones: the directories use this attribute for different things.",
                f"Look at some people with `opensense-okta explain {day.organization.name} WHO`; map fields"
                " with the same meaning in all directories, or give one of them another attribute name.",
                {"contested": contested, "differing": differing},
            )


def _match_keys(day: _ResolvedDay) -> Iterator[CheckResult]:
    if len(day.directories) < 2:
        return  # there is nothing to match
    for key, directory in product(day.organization.resolution.match, day.directories):
        counts = day.of(directory, key)
        mostly_blank = (
            counts.accounts >= MIN_SAMPLE and counts.filled < MOSTLY_FILLED * counts.accounts
        )
        if mostly_blank or (counts.accounts and not counts.filled):
            yield _advice(
                "key_mostly_blank",
                key,
                f"{counts.filled:,} of {counts.accounts:,} accounts of {directory} have the match key {key}:"
                " the others are matched by a weaker key, or not at all.",
                f"Say in {directory}'s `attributes` which field holds {key}, fill it in the directory, or"
                " match by another key.",
                {"accounts": counts.accounts, "filled": counts.filled},
            )
        if counts.repeated > MAX_REPEATED * counts.keys:
            yield _advice(
                "key_not_unique",
                key,
                f"{counts.repeated:,} of {counts.keys:,} values of the match key {key} belong to several"
                f" accounts of {directory}: these accounts are not matched by it.",
                f"Correct the values in {directory}, or match by a stricter key before {key}.",
                {"keys": counts.keys, "repeated": counts.repeated},
            )


def _directories(day: _ResolvedDay) -> Iterator[CheckResult]:
    if len(day.organization.directories) < 2:
        return
    for name in day.directories:
        accounts = day.accounts(name)
        won = sum(
            counts.won for (directory, _), counts in day.statistics.items() if directory == name
        )
        if not accounts:
            yield _advice(
                "directory_without_accounts",
                name,
                f"{name} has no account.",
                f"Check its scope and credentials with `opensense-okta doctor {day.organization.name}`, or"
                " remove it from the organization file.",
                {"accounts": 0},
            )
        elif not (
            won or day.members.get(name) or name in day.stale_last or any(day.blanked.values())
        ):
            yield _advice(
                "directory_contributes_nothing",
                name,
                f"{name} has {accounts:,} accounts, but none of their values wins, and its groups have no"
                " members: its only possible effect is to link accounts of other directories.",
                "Give it precedence for the attributes that are best there, or show the effect of removing it"
                f" with `opensense-okta preview {day.organization.name} --rules FILE`.",
                {"accounts": accounts, "won": 0, "members": 0},
            )


def _single_cases(day: _ResolvedDay) -> Iterator[CheckResult]:
    for (rule, number), (accounts, unknown) in sorted(day.named.items()):
        if unknown:
            yield _advice(
                f"{rule}_unknown",
                f"resolution.{rule} {number}",
                f"Set {number} of `{rule}` names {unknown:,} of {accounts:,} accounts that do not exist.",
                "Correct the id (`directory/id`, case-sensitive), or remove it if the account was deleted.",
                {"accounts": accounts, "unknown": unknown},
            )


def examine_rules(organization: Organization, lake: Lake) -> list[CheckResult]:
    """Returns advice on the rules, from the newest resolved day; nothing if no day is resolved."""
    days = lake.resolved_days()
    resolved = lake.resolved(days[-1]).manifest(ResolvedManifest) if days else None
    if resolved is None:
        return []
    advice = advise(organization, lake, resolved)
    if not advice:
        return [CheckResult.make("rules", "passed", "every rule has an effect.")]
    return [item.model_copy(update={"name": "rules"}) for item in advice]
