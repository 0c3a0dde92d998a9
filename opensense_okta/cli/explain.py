"""The command `explain`: where each value of a person comes from.

Its output is personal data: it is printed only, never written to logs or events.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import date

import click

from opensense_okta.cli.arguments import UsageError, day_of, lake_of, organization_of
from opensense_okta.cli.terminal import print_table
from opensense_okta.config.models import Organization
from opensense_okta.config.text import printable
from opensense_okta.publishing.explain.explanation import Explanation, explain
from opensense_okta.publishing.explain.find_person import (
    Found,
    StoredDay,
    current_day,
    find,
    nearest,
    searched_text,
    stored_day,
    stored_days,
)
from opensense_okta.publishing.explain.left_out import (
    not_exported_in_words,
    rules_leaving_out,
    scope_in_words,
)
from opensense_okta.publishing.explain.words import (
    BY_HAND_HELP,
    MATCH_KINDS,
    WHO_HELP,
    change_in_words,
    conflict_in_words,
    label,
    shown_manager,
    shown_name,
    shown_state,
    shown_values,
)
from opensense_okta.storage.lake import Lake

MAX_LISTED = 20  # people, if several match
VALUE_COLUMNS = ("attribute", "value", "from", "rule", "since", "as of", "other values")


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
    organization, who = organization_of(name), searched(who)
    lake = lake_of(organization)
    day = _day(organization, lake, day_given)
    people = find(lake, [day], who)
    if not people:
        raise UsageError(_no_match(organization, lake, day, who))
    person = people[0] if len(people) == 1 else choose_person(people, who, ask=not as_json)
    explanation = explain(lake, day, person.person_id)
    left_out_by = rules_leaving_out(organization, lake, day, person.person_id)
    if as_json:
        document = as_document(explanation, left_out_by)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(explanation, left_out_by)


def as_document(explanation: Explanation, left_out_by: Sequence[str]) -> dict[str, object]:
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
        "unused_dates": [date.model_dump() for date in explanation.unused_dates],
        "not_exported": list(left_out_by),
        "conflicts": [conflict.model_dump() for conflict in explanation.conflicts],
    }


def show(explanation: Explanation, left_out_by: Sequence[str]) -> None:
    """Prints the person, a table of the values, and sections of lines."""
    for line in _heading(explanation, left_out_by):
        click.echo(line)
    click.echo()
    values = map(astuple, shown_values(explanation))
    print_table(VALUE_COLUMNS, values, indent=0, unwrapped=("attribute", "since"))
    for line in _sections(explanation):
        click.echo(line)


def searched(who: str) -> str:
    """The text to search for.

    Raises:
        UsageError: It names nobody.
    """
    text = searched_text(who)
    if not text:
        raise UsageError(f"WHO is “{printable(who)}”, which names nobody. {WHO_HELP}")
    return text


def _day(organization: Organization, lake: Lake, given: str | None) -> StoredDay:
    asked = day_of(organization, given) if given else None
    day = stored_day(lake, asked) if asked else current_day(lake)
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


def _no_match(organization: Organization, lake: Lake, day: StoredDay, who: str) -> str:
    name = organization.name
    lines = [f"Nobody in {name}'s directory of {day.day} matches “{printable(who)}”."]
    others = [stored_day(lake, other) for other in stored_days(lake) if other != day.day]
    elsewhere = find(lake, [other for other in others if other], who)
    lines += [
        f"{label(person)} does, last on {person.day}:"
        f" opensense-okta explain {name} {person.person_id} --date {person.day}"
        for person in elsewhere[:MAX_LISTED]
    ]
    near = nearest(lake, day, who)
    if near and not elsewhere:
        lines.append(f"Did you mean {' or '.join(printable(text) for text in near)}?")
    if not near and not elsewhere:
        lines.append(f"Nobody on another stored day matches either. {WHO_HELP}")
    lines.append("" if elsewhere else scope_in_words(organization))
    return "\n".join(filter(None, lines))


def choose_person(people: Sequence[Found], who: str, *, ask: bool) -> Found:
    """The person of several who match, by the answer of the user.

    Raises:
        UsageError: Nobody can be asked.
    """
    listed = people[:MAX_LISTED]
    lines = [f"{len(people)} people match “{printable(who)}”:"]
    lines += [
        f"  {number:>2}  {label(person)}  {person.person_id}"
        for number, person in enumerate(listed, start=1)
    ]
    if len(people) > MAX_LISTED:
        lines.append(f"  and {len(people) - MAX_LISTED} more: give more of the name")
    if not (ask and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("\n".join([*lines, "Give the person id at the end of the line."]))
    click.echo("\n".join(lines), err=True)
    number = click.prompt("Which one?", type=click.IntRange(1, len(listed)), err=True)
    return listed[int(number) - 1]


def _heading(explanation: Explanation, left_out_by: Sequence[str]) -> Iterator[str]:
    yield f"{shown_name(explanation.name)}: {shown_state(explanation)}"
    yield f"Person id  {explanation.person_id}"
    yield f"Manager    {shown_manager(explanation)}"
    if left_out_by:
        yield f"Export     {not_exported_in_words(left_out_by)}"


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
            f"{printable(group.name or '')}  {printable(group.group_id)}  {printable(group.way)}".rstrip()
            for group in explanation.groups
        ),
    )
    yield from _section("Conflicts", map(conflict_in_words, explanation.conflicts))
    if any(conflict.kind in MATCH_KINDS for conflict in explanation.conflicts):
        yield f"  {BY_HAND_HELP}"
    yield from _section(
        "What changed",
        (
            f"{change.day}  {change_in_words(change, explanation.person_id)}"
            for change in explanation.changes
        ),
        none="not known",
    )


def _section(title: str, lines: Iterable[str], *, none: str = "none") -> Iterator[str]:
    yield ""
    yield title
    yield from [f"  {line}" for line in lines] or [f"  {none}"]
