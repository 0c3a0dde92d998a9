"""The command `explain`: why a person's values are what they are, in words for whoever asks.

What it shows is personal data, and goes to the one who asked: never into logs or events.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from unicodedata import category

import click
from rich import box
from rich.console import Console
from rich.table import Table

from opensense_okta.cli.arguments import UsageError, day_of, lake_of, organization_of
from opensense_okta.config.models import Organization
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

LISTED = 20  # of several who fit
MATCH_KINDS = {
    "duplicate_in_directory": "several accounts of one directory have the same {key}, so it joins none",
    "ambiguous_match": "the {key} fits several accounts of one directory, so nobody was joined by it",
    "contradictory_match": "the {key} is the same, but a stronger key differs, so they were not joined",
    "bridged_match": "joining by {key} would put together accounts that must stay apart, so it was not done",
}
ASK = (
    "Give an e-mail address, a login, an employee number, a part of a name, a person id, or an account id"
    " such as okta/00u1."
)
BY_HAND = (
    "Who is who can be settled by hand with `resolution.pin` and `resolution.part` in the organization's"
    " file."
)


def explain_now(name: str, who: str, day_given: str | None, *, as_json: bool) -> None:
    """Finds the person, asks which one if several fit, and prints what is known of them.

    Args:
        name: of the organization.
        who: an e-mail, login, person id, account id, employee number or a part of a name.
        day_given: None: the published day.
        as_json: prints one JSON document, and asks nothing.

    Raises:
        WrongUse: nobody fits, or several do and nobody can be asked; or the day is not stored.
    """
    organization, who = organization_of(name), _asked(who)
    lake = lake_of(organization)
    day = _day(organization, lake, day_given)
    found = find(lake, [day], who)
    if not found:
        raise UsageError(_nobody(name, lake, day, who))
    one = found[0] if len(found) == 1 else _chosen(found, who, ask=not as_json)
    explanation = explain(lake, day, one.person_id)
    if as_json:
        click.echo(json.dumps(as_document(explanation), indent=2, ensure_ascii=False))
    else:
        show(explanation)


def as_document(explanation: Explanation) -> dict[str, object]:
    """The contract's JSON."""
    return {
        "day": str(explanation.day),
        "person_id": explanation.person_id,
        "attributes": {
            value.attribute: value.model_dump(mode="json", exclude={"attribute"})
            for value in explanation.values
        },
        "accounts": [one.model_dump(exclude={"active"}) for one in explanation.accounts],
        "groups": [one.model_dump() for one in explanation.groups],
        "changes": [one.model_dump(mode="json") for one in explanation.changes],
        "conflicts": [one.model_dump() for one in explanation.conflicts],
    }


def show(explanation: Explanation) -> None:
    """Prints it: a table as wide as a terminal, or plain lines with aligned columns."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 100_000  # a pipe has no width: nothing is wrapped
    for line in _who(explanation):
        console.print(line, soft_wrap=True)
    console.print()
    with console.capture() as table:
        console.print(_table(explanation, lines=console.is_terminal))
    click.echo("\n".join(line.rstrip() for line in table.get().splitlines()))
    for line in _sections(explanation):
        console.print(line, soft_wrap=True)


def _asked(who: str) -> str:
    """The question as it was meant: what is copied often has invisible characters around it."""
    asked = "".join(letter for letter in who if category(letter) != "Cf").strip()
    if not any(letter.isalnum() for letter in asked):
        raise UsageError(f"WHO is “{_plain(who)}”, which names nobody. {ASK}")
    return asked


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
    near = min(days, key=lambda stored: abs(stored - asked)) if asked else days[-1]
    raise UsageError(
        f"--date {asked}: no people of that day are stored. {_count(days)}; the nearest is {near}."
    )


def _count(days: Sequence[date]) -> str:
    if len(days) == 1:
        return "One day is stored"
    return f"{len(days)} days are stored, from {days[0]} to {days[-1]}"


def _nobody(name: str, lake: Lake, day: StoredDay, who: str) -> str:
    lines = [f"Nobody in {name}'s directory of {day.day} fits “{_plain(who)}”."]
    others = [stored_day(lake, other) for other in stored_days(lake) if other != day.day]
    elsewhere = find(lake, [other for other in others if other], who)
    lines += [
        f"{_called(one)} does, last on {one.day}:"
        f" opensense-okta explain {name} {one.person_id} --date {one.day}"
        for one in elsewhere[:LISTED]
    ]
    near = nearest(lake, day, who)
    if near and not elsewhere:
        lines.append(f"Did you mean {' or '.join(_plain(text) for text in near)}?")
    if not near and not elsewhere:
        lines.append(f"Nobody on another stored day does either. {ASK}")
    return "\n".join(lines)


def _chosen(found: Sequence[Found], who: str, *, ask: bool) -> Found:
    listed = found[:LISTED]
    lines = [f"{len(found)} people fit “{_plain(who)}”:"]
    lines += [
        f"  {number:>2}  {_called(one)}  {one.person_id}"
        for number, one in enumerate(listed, start=1)
    ]
    if len(found) > LISTED:
        lines.append(f"  and {len(found) - LISTED} more: say more of the name")
    if not (ask and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "\n".join([*lines, "Say which one, best by the id at the end of the line."])
        )
    click.echo("\n".join(lines), err=True)
    number = click.prompt("Which one?", type=click.IntRange(1, len(listed)), err=True)
    return listed[int(number) - 1]


def _called(one: Found) -> str:
    email = f" <{_plain(one.email)}>" if one.email else ""
    inactive = "" if one.active else ", inactive"
    return f"{_plain(one.name or 'somebody without a name')}{email}{inactive}"


def _who(explanation: Explanation) -> Iterator[str]:
    state = "active" if explanation.active else "inactive"
    published = "published" if explanation.published else "resolved, not published"
    yield (
        f"{_plain(explanation.name or 'Somebody without a name')}: {state} on {explanation.day}"
        f" ({published})"
    )
    yield f"Person id  {explanation.person_id}"
    manager = explanation.manager or explanation.manager_id
    yield f"Manager    {_plain(manager)}" if manager else "Manager    nobody known"


def _table(explanation: Explanation, *, lines: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD if lines else None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("attribute", "value", "from", "rule", "since", "as of", "against"):
        table.add_column(title, overflow="fold", no_wrap=title in ("attribute", "since"))
    for value in explanation.values:
        stale = " (stale)" if value.directory in explanation.stale else ""
        table.add_row(
            value.attribute,
            _content(value.value),
            f"{value.directory}/{_plain(value.account_id)}",
            value.rule.replace("_", " "),
            str(value.since or "not known"),
            f"{value.as_of or 'not known'}{stale}",
            _against(value),
        )
    for attribute, silenced in explanation.silent.items():
        said = _said(silenced)
        table.add_row(attribute, "", "", "set aside", "", "", said)
    return table


def _against(value: Value) -> str:
    same = [one.directory for one in value.losing if one.value == value.value]
    other = [one for one in value.losing if one.value != value.value]
    agree = f"the same in {', '.join(dict.fromkeys(same))}" if same else ""
    return "; ".join(part for part in (_said(other), agree) if part)


def _said(losing: Iterable[Losing]) -> str:
    return "; ".join(f"{one.directory}: {_content(one.value)}" for one in losing)


def _sections(explanation: Explanation) -> Iterator[str]:
    yield from _section(
        "Accounts",
        (
            f"{one.directory}/{_plain(one.id)}  {_plain(one.status or 'no status')}"
            f" ({'active' if one.active else 'inactive'})"
            for one in explanation.accounts
        ),
    )
    yield from _section(
        "Groups",
        (f"{_plain(one.name or '')}  {_plain(one.group_id)}" for one in explanation.groups),
    )
    yield from _section("Conflicts", map(_conflict, explanation.conflicts))
    if any(one.kind in MATCH_KINDS for one in explanation.conflicts):
        yield f"  {BY_HAND}"
    yield from _section(
        "What changed",
        (
            f"{one.day}  {_plain(_change(one, explanation.person_id))}"
            for one in explanation.changes
        ),
        none="nothing is known",
    )


def _section(title: str, lines: Iterable[str], *, none: str = "none") -> Iterator[str]:
    yield ""
    yield title
    yield from [f"  {line}" for line in lines] or [f"  {none}"]


def _conflict(conflict: Conflict) -> str:
    detail = conflict.detail
    values = detail.get("values")
    if isinstance(values, dict):
        said = ", ".join(f"{account} says “{value}”" for account, value in values.items())
        return _plain(f"{conflict.attribute}: {said}")
    accounts = detail.get("accounts")
    evidence = [
        f"{account} ({', '.join(f'{key} {value}' for key, value in keys.items())})"
        for account, keys in (accounts if isinstance(accounts, dict) else {}).items()
    ]
    why = MATCH_KINDS.get(conflict.kind, conflict.kind).format(key=detail.get("key"))
    return _plain(f"{conflict.kind.replace('_', ' ')}: {why}: {', '.join(evidence)}")


def _change(one: Change, person_id: str) -> str:
    before, after = one.before_name or one.before, one.after_name or one.after
    told: dict[tuple[str, str | None], Callable[[], str]] = {
        ("added", None): lambda: "came into the directory",
        ("removed", None): lambda: "left the directory",
        ("added", "membership"): lambda: f"joined the group {after}",
        ("removed", "membership"): lambda: f"left the group {before}",
        ("merged", None): lambda: (
            f"became one person with {before}" if one.after == person_id else f"goes on as {after}"
        ),
        ("split", None): lambda: (
            f"was split off from {before}" if one.after == person_id else f"{after} was split off"
        ),
    }
    tell = told.get((one.change, one.attribute))
    return tell() if tell else f"{one.attribute}: {before or 'blank'} → {after or 'blank'}"


def _content(value: Content) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _plain(", ".join(value) if isinstance(value, list) else value)


def _plain(text: str) -> str:
    """A directory's text without what would move a terminal's cursor or turn its letters round."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
