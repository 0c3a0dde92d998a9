"""The words in which a person's explanation is shown, on the terminal and on pages.

All texts are `printable`: they have no character that moves a cursor or other text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opensense_okta.config.text import as_words, printable
from opensense_okta.publishing.explain.explanation import (
    Change,
    Conflict,
    Content,
    Explanation,
    Losing,
    Value,
)
from opensense_okta.publishing.explain.find_person import Found

NO_NAME: Final = "(no name)"
NOT_KNOWN: Final = "not known"
MATCH_KINDS: Final = {
    "duplicate_in_directory": "several accounts of one directory have the same {key}, so it joins none",
    "ambiguous_match": "the {key} matches several accounts of one directory, so it joined no accounts",
    "contradictory_match": "the {key} is the same, but a stronger key differs, so they were not joined",
    "reused_key": "the {key} was handed on to a new account with another name, so they were not joined",
    "kept_together": "the {key} joined these accounts before, and the identity ledger keeps them together",
    "bridged_match": "joining by {key} would join accounts that must stay separate, so they were not joined",
}
"""Conflicts about which accounts are one person, by kind."""

BY_HAND_HELP: Final = (
    "To decide which accounts are one person, use `resolution.always_same` and `resolution.never_same` in the"
    " organization's file."
)
WHO_HELP: Final = (
    "Give an e-mail address, a login, an employee number, a part of a name, a person id, or an account id"
    " such as okta/00u1."
)


@dataclass(frozen=True)
class ShownValue:
    """A value of a person in words; texts are empty where there is nothing to say.

    Attributes:
        account: `DIRECTORY/ID` of the account that the value is from.
        rule: why this account's value was selected.
        since: the day on which the value became as it is.
        as_of: the day of the directory's data.
        other_values: what the other accounts have.
    """

    attribute: str
    value: str
    account: str
    rule: str
    since: str
    as_of: str
    other_values: str


def shown_name(name: str | None) -> str:
    """A person's name, or words that there is none."""
    return printable(name or NO_NAME)


def label(person: Found) -> str:
    """A found person in one line: name, e-mail address, and whether inactive."""
    email = f" <{printable(person.email)}>" if person.email else ""
    return f"{shown_name(person.name)}{email}{'' if person.active else ', inactive'}"


def shown_state(explanation: Explanation) -> str:
    """Whether the person is active, and whether the day is published."""
    state = "active" if explanation.active else "inactive"
    published = "published" if explanation.published else "resolved, not published"
    return f"{state} on {explanation.day} ({published})"


def shown_manager(explanation: Explanation) -> str:
    """The name of the person's manager, or the id."""
    return printable(explanation.manager or explanation.manager_id or NOT_KNOWN)


def shown_values(explanation: Explanation) -> list[ShownValue]:
    """The person's values, those that a rule set aside, and dates that count as none."""
    selected = [_selected(value, explanation) for value in explanation.values]
    set_aside = [
        ShownValue(attribute, "", "", "set aside", "", "", _by_directory(losing))
        for attribute, losing in explanation.silent.items()
    ]
    unused = [
        ShownValue(
            attribute=date.attribute,
            value="",
            account="",
            rule="placeholder date" if date.is_placeholder else "not a date",
            since="",
            as_of="",
            other_values=printable(f"{date.directory}: {date.text}"),
        )
        for date in explanation.unused_dates
    ]
    return [*selected, *set_aside, *unused]


def conflict_in_words(conflict: Conflict) -> str:
    """What the directories disagree about, with the evidence."""
    detail = conflict.detail
    values = detail.get("values")
    if isinstance(values, dict):
        by_account = ", ".join(f"{account} has “{value}”" for account, value in values.items())
        return printable(f"{conflict.attribute}: {by_account}")
    evidence = [
        f"{account} ({', '.join(f'{key} {value}' for key, value in keys.items()) or 'no key'})"
        for account, keys in _mapping(detail.get("accounts")).items()
    ]
    evidence += [
        f"formerly {account} ({name})" for account, name in _mapping(detail.get("vanished")).items()
    ]
    why = MATCH_KINDS.get(conflict.kind, conflict.kind).format(key=detail.get("key"))
    return printable(f"{as_words(conflict.kind)}: {why}: {', '.join(evidence)}")


def change_in_words(change: Change, person_id: str) -> str:
    """What changed of the person on a day."""
    before = change.before_name or change.before or "blank"
    after = change.after_name or change.after or "blank"
    match change.change, change.attribute:
        case "added", None:
            words = "was added to the directory"
        case "removed", None:
            words = "was removed from the directory"
        case "added", "membership":
            words = f"joined the group {after}"
        case "removed", "membership":
            words = f"left the group {before}"
        case "merged", None if change.after == person_id:
            words = f"became one person with {before}"
        case "merged", None:
            words = f"is one person with {after} now"
        case "split", None if change.after == person_id:
            words = f"was separated from {before}"
        case "split", None:
            words = f"{after} was separated from this person"
        case _, attribute:
            words = f"{attribute}: {before} → {after}"
    return printable(words)


def _selected(value: Value, explanation: Explanation) -> ShownValue:
    stale = " (stale)" if value.directory in explanation.stale else ""
    return ShownValue(
        attribute=value.attribute,
        value=_content(value.value),
        account=printable(f"{value.directory}/{value.account_id}"),
        rule=_rule(value.rule),
        since=str(value.since or NOT_KNOWN),
        as_of=f"{value.as_of or NOT_KNOWN}{stale}",
        other_values=_other_values(value),
    )


def _rule(rule: str) -> str:
    """The rule in words, then how a computed value came about: that has names of fields and files."""
    name, semicolon, origin = rule.partition(";")
    return printable(f"{as_words(name)}{semicolon}{origin}")


def _other_values(value: Value) -> str:
    same = [losing.directory for losing in value.losing if losing.value == value.value]
    different = [losing for losing in value.losing if losing.value != value.value]
    agree = f"the same in {', '.join(dict.fromkeys(same))}" if same else ""
    return "; ".join(part for part in (_by_directory(different), agree) if part)


def _by_directory(values: Iterable[Losing]) -> str:
    return "; ".join(f"{value.directory}: {_content(value.value)}" for value in values)


def _content(value: Content) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return printable(", ".join(value) if isinstance(value, list) else value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
