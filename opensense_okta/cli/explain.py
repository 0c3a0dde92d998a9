"""The command `explain`: where each value of a person comes from.

Its output is personal data: it is printed only, never written to logs or events.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from unicodedata import category

import click

from opensense_okta.cli.arguments import UsageError, day_of, lake_of, organization_of
from opensense_okta.cli.terminal import print_table
from opensense_okta.config.models import Organization
from opensense_okta.config.text import as_words, printable
from opensense_okta.publishing.explain import (
    Change,
    Conflict,
    Content,
    Explanation,
    Losing,
    Value,
    explain,
)
from opensense_okta.publishing.find_person import (
    Found,
    StoredDay,
    find,
    nearest,
    standing_day,
    stored_day,
    stored_days,
)
from opensense_okta.storage.lake import Lake

MAX_LISTED = 20  # people, if several match
VALUE_COLUMNS = ("attribute", "value", "from", "rule", "since", "as of", "other values")
NO_NAME = "(no name)"
MATCH_KINDS = {
    "duplicate_in_directory": "several accounts of one directory have the same {key}, so it joins none",
    "ambiguous_match": "the {key} matches several accounts of one directory, so it joined no accounts",
    "contradictory_match": "the {key} is the same, but a stronger key differs, so they were not joined",
    "reused_key": "the {key} was handed on to a new account with another name, so they were not joined",
    "kept_together": "the {key} joined these accounts before, and the identity ledger keeps them together",
    "bridged_match": "joining by {key} would join accounts that must stay separate, so they were not joined",
}
WHO_HELP = (
    "Give an e-mail address, a login, an employee number, a part of a name, a person id, or an account id"
    " such as okta/00u1."
)
BY_HAND_HELP = (
    "To decide which accounts are one person, use `resolution.always_same` and `resolution.never_same` in the"
    " organization's file."
)


def explain_now(name: str, who: str, day_given: str | None, *, as_json: bool) -> None:
    """Finds the person, asks which one if several match, and prints the explanation.

    Args:
        name: The organization's name.
        who: An e-mail address, login, person id, account id, employee number or part of a name.
        day_given: The day; None is the published day.
        as_json: Print one JSON document and ask nothing.

    Raises:
        UsageError: No person matches, or several do and the command cannot ask; or the day is not stored.
    """
    organization, who = organization_of(name), _normalized(who)
    lake = lake_of(organization)
    day = _day(organization, lake, day_given)
    people = find(lake, [day], who)
    if not people:
        raise UsageError(_no_match(name, lake, day, who))
    person = people[0] if len(people) == 1 else _choose(people, who, ask=not as_json)
    explanation = explain(lake, day, person.person_id)
    if as_json:
        click.echo(json.dumps(as_document(explanation), indent=2, ensure_ascii=False))
    else:
        show(explanation)


def as_document(explanation: Explanation) -> dict[str, object]:
    """The JSON document."""
    return {
        "day": str(explanation.day),
        "person_id": explanation.person_id,
        "attributes": {
            value.attribute: value.model_dump(mode="json", exclude={"attribute"})
            for value in explanation.values
        },
        "accounts": [account.model_dump(exclude={"active"}) for account in explanation.accounts],
        "groups": [group.model_dump() for group in explanation.groups],
        "changes": [change.model_dump(mode="json") for change in explanation.changes],
        "conflicts": [conflict.model_dump() for conflict in explanation.conflicts],
    }


def show(explanation: Explanation) -> None:
    """Prints the person, a table of the values, and sections of lines."""
    for line in _heading(explanation):
        click.echo(line)
    click.echo()
    print_table(VALUE_COLUMNS, _values(explanation), indent=0, unwrapped=("attribute", "since"))
    for line in _sections(explanation):
        click.echo(line)


def _normalized(who: str) -> str:
    """The text without invisible characters and surrounding spaces, which copied text often has."""
    visible = "".join(letter for letter in who if category(letter) != "Cf").strip()
    if not any(letter.isalnum() for letter in visible):
        raise UsageError(f"WHO is “{printable(who)}”, which names nobody. {WHO_HELP}")
    return visible


def _day(organization: Organization, lake: Lake, given: str | None) -> StoredDay:
    asked = day_of(organization, given) if given else None
    day = stored_day(lake, asked) if asked else standing_day(lake)
    if day is not None:
        return day
    days = stored_days(lake)
    if not days:
        raise UsageError(
            f"Nothing of {organization.name} is stored yet. Start with"
            f" `opensense-okta sync {organization.name}`."
        )
    nearest_day = min(days, key=lambda stored: abs(stored - asked)) if asked else days[-1]
    raise UsageError(
        f"--date {asked}: no people are stored for that day. {_count(days)};"
        f" the nearest is {nearest_day}."
    )


def _count(days: Sequence[date]) -> str:
    if len(days) == 1:
        return "One day is stored"
    return f"{len(days)} days are stored, from {days[0]} to {days[-1]}"


def _no_match(name: str, lake: Lake, day: StoredDay, who: str) -> str:
    lines = [f"Nobody in {name}'s directory of {day.day} matches “{printable(who)}”."]
    others = [stored_day(lake, other) for other in stored_days(lake) if other != day.day]
    elsewhere = find(lake, [other for other in others if other], who)
    lines += [
        f"{_label(person)} does, last on {person.day}:"
        f" opensense-okta explain {name} {person.person_id} --date {person.day}"
        for person in elsewhere[:MAX_LISTED]
    ]
    near = nearest(lake, day, who)
    if near and not elsewhere:
        lines.append(f"Did you mean {' or '.join(printable(text) for text in near)}?")
    if not near and not elsewhere:
        lines.append(f"Nobody on another stored day matches either. {WHO_HELP}")
    return "\n".join(lines)


def _choose(people: Sequence[Found], who: str, *, ask: bool) -> Found:
    listed = people[:MAX_LISTED]
    lines = [f"{len(people)} people match “{printable(who)}”:"]
    lines += [
        f"  {number:>2}  {_label(person)}  {person.person_id}"
        for number, person in enumerate(listed, start=1)
    ]
    if len(people) > MAX_LISTED:
        lines.append(f"  and {len(people) - MAX_LISTED} more: give more of the name")
    if not (ask and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("\n".join([*lines, "Give the person id at the end of the line."]))
    click.echo("\n".join(lines), err=True)
    number = click.prompt("Which one?", type=click.IntRange(1, len(listed)), err=True)
    return listed[int(number) - 1]


def _label(person: Found) -> str:
    email = f" <{printable(person.email)}>" if person.email else ""
    inactive = "" if person.active else ", inactive"
    return f"{printable(person.name or NO_NAME)}{email}{inactive}"


def _heading(explanation: Explanation) -> Iterator[str]:
    state = "active" if explanation.active else "inactive"
    published = "published" if explanation.published else "resolved, not published"
    yield (f"{printable(explanation.name or NO_NAME)}: {state} on {explanation.day} ({published})")
    yield f"Person id  {explanation.person_id}"
    manager = explanation.manager or explanation.manager_id
    yield f"Manager    {printable(manager)}" if manager else "Manager    not known"


def _values(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    """A row of VALUE_COLUMNS for each attribute."""
    for value in explanation.values:
        stale = " (stale)" if value.directory in explanation.stale else ""
        yield (
            value.attribute,
            _content(value.value),
            f"{value.directory}/{value.account_id}",
            as_words(value.rule),
            str(value.since or "not known"),
            f"{value.as_of or 'not known'}{stale}",
            _other_values(value),
        )
    for attribute, losing in explanation.silent.items():
        yield (attribute, "", "", "set aside", "", "", _by_directory(losing))


def _other_values(value: Value) -> str:
    same = [losing.directory for losing in value.losing if losing.value == value.value]
    different = [losing for losing in value.losing if losing.value != value.value]
    agree = f"the same in {', '.join(dict.fromkeys(same))}" if same else ""
    return "; ".join(part for part in (_by_directory(different), agree) if part)


def _by_directory(values: Iterable[Losing]) -> str:
    return "; ".join(f"{value.directory}: {_content(value.value)}" for value in values)


def _sections(explanation: Explanation) -> Iterator[str]:
    yield from _section(
        "Accounts",
        (
            f"{account.directory}/{printable(account.id)}  {printable(account.status or 'no status')}"
            f" ({'active' if account.active else 'inactive'})"
            for account in explanation.accounts
        ),
    )
    yield from _section(
        "Groups",
        (
            f"{printable(group.name or '')}  {printable(group.group_id)}"
            for group in explanation.groups
        ),
    )
    yield from _section("Conflicts", map(_conflict, explanation.conflicts))
    if any(conflict.kind in MATCH_KINDS for conflict in explanation.conflicts):
        yield f"  {BY_HAND_HELP}"
    yield from _section(
        "What changed",
        (
            f"{change.day}  {printable(_change(change, explanation.person_id))}"
            for change in explanation.changes
        ),
        none="not known",
    )


def _section(title: str, lines: Iterable[str], *, none: str = "none") -> Iterator[str]:
    yield ""
    yield title
    yield from [f"  {line}" for line in lines] or [f"  {none}"]


def _conflict(conflict: Conflict) -> str:
    detail = conflict.detail
    values = detail.get("values")
    if isinstance(values, dict):
        by_account = ", ".join(f"{account} has “{value}”" for account, value in values.items())
        return printable(f"{conflict.attribute}: {by_account}")
    accounts = detail.get("accounts")
    evidence = [
        f"{account} ({', '.join(f'{key} {value}' for key, value in keys.items()) or 'no key'})"
        for account, keys in (accounts if isinstance(accounts, dict) else {}).items()
    ]
    vanished = detail.get("vanished")
    if isinstance(vanished, dict):
        evidence += [f"formerly {account} ({name})" for account, name in vanished.items()]
    why = MATCH_KINDS.get(conflict.kind, conflict.kind).format(key=detail.get("key"))
    return printable(f"{conflict.kind.replace('_', ' ')}: {why}: {', '.join(evidence)}")


def _change(change: Change, person_id: str) -> str:
    before, after = change.before_name or change.before, change.after_name or change.after
    sentences: dict[tuple[str, str | None], Callable[[], str]] = {
        ("added", None): lambda: "was added to the directory",
        ("removed", None): lambda: "was removed from the directory",
        ("added", "membership"): lambda: f"joined the group {after}",
        ("removed", "membership"): lambda: f"left the group {before}",
        ("merged", None): lambda: (
            f"became one person with {before}"
            if change.after == person_id
            else f"is one person with {after} now"
        ),
        ("split", None): lambda: (
            f"was separated from {before}"
            if change.after == person_id
            else f"{after} was separated from this person"
        ),
    }
    sentence = sentences.get((change.change, change.attribute))
    return (
        sentence() if sentence else f"{change.attribute}: {before or 'blank'} → {after or 'blank'}"
    )


def _content(value: Content) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return printable(", ".join(value) if isinstance(value, list) else value)
