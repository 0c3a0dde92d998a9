"""The command `forget`: removes a person from everything that is stored.

Its output is personal data: it is printed only, never written to logs or events.
"""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click

from opensense_okta.cli.arguments import UsageError, named, organization_of, writable_lake_of
from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.cli.explain import choose_person, searched
from opensense_okta.config.models import Organization
from opensense_okta.config.text import plural, printable, some_of
from opensense_okta.orchestration.in_process import without_a_run
from opensense_okta.orchestration.instance.home import prepared_home
from opensense_okta.publishing.explain.find_person import Found
from opensense_okta.publishing.explain.words import WHO_HELP, label
from opensense_okta.publishing.forget.exported_files import is_in_lake
from opensense_okta.publishing.forget.find_stored import find_stored, with_accounts
from opensense_okta.publishing.forget.forget import forget
from opensense_okta.publishing.forget.plan import Person, Plan, StillThere, plan_forgetting
from opensense_okta.publishing.forget.records import BEGUN, RECORD, Forgotten, begun
from opensense_okta.storage.lake import Lake

MAX_LISTED: Final = 5  # accounts of others

OUT_OF_REACH: Final = (
    "Opensense itself, exports that were delivered elsewhere, backups, earlier versions of files that an"
    " object store keeps, and texts in which other accounts name the person"
)
"""What this command cannot change."""


def forget_now(name: str, who: str, by: str, *, yes: bool) -> ExitCode:
    """Finds the person, shows what will be removed, asks, and removes it.

    Args:
        name: The organization's name.
        who: An e-mail address, login, person id, account id, employee number or part of a name.
        by: The name of the person who does it. It is recorded.
        yes: Do not ask.

    Raises:
        UsageError: No person matches, or several do; or nobody can be asked.
        StillThere: A directory, the published directory or the last export still has the person.
    """
    os.environ["DAGSTER_HOME"] = str(prepared_home())
    organization, who, by = organization_of(name), searched(who), named(by)
    lake = writable_lake_of(organization)
    completed = _complete_begun(organization, lake)
    people = find_stored(lake, who)
    if not people and completed:
        return ExitCode.DONE
    if not people:
        raise UsageError(
            f"Nobody on a stored day of {name}, or in its identity ledger, matches “{printable(who)}”."
            f" {WHO_HELP}"
        )
    found = people[0] if len(people) == 1 else choose_person(people, who, ask=not yes)
    person = with_accounts(lake, found.person_id)
    plan = plan_forgetting(organization, lake, person, organization.today(_now()))
    for line in _shown(organization, found, person, plan):
        click.echo(line)
    if not yes and not _agreed():
        click.echo("Nothing was removed.")
        return ExitCode.FAILED
    _forget(organization, lake, person, by)
    return ExitCode.DONE


def _complete_begun(organization: Organization, lake: Lake) -> bool:
    """Completes what an interrupted process began; returns whether there was something."""
    work = begun(lake)
    if work is None:
        return False
    click.echo("An earlier `forget` was interrupted. It is completed first.", err=True)
    try:
        _forget(organization, lake, Person(work.person_id, work.accounts), work.by)
    except StillThere as error:
        raise UsageError(
            f"{error}\nIt was interrupted for the person {work.person_id}, with the accounts"
            f" {', '.join(map(printable, work.accounts))}. If that person has come back and must"
            f" stay, delete {lake.url(BEGUN)}."
        ) from None
    return True


def _forget(organization: Organization, lake: Lake, person: Person, by: str) -> None:
    with without_a_run(lake, report=lambda words: click.echo(words, err=True)):
        done = forget(organization, lake, person, by, _now())
    click.echo(_removed(organization, lake, done))


def _shown(organization: Organization, found: Found, person: Person, plan: Plan) -> Iterator[str]:
    yield f"{organization.name}: what is stored of {label(found)} will be removed."
    yield f"  Person id  {found.person_id}"
    yield f"  Accounts   {', '.join(map(printable, person.accounts)) or 'none'}"
    yield f"  Removes    {plural(plan.rows, 'row')} from {plural(plan.files, 'file')}"
    if plan.days:
        days = plural(len(plan.days), "resolved day")
        yield f"             of {days}, from {plan.days[0]} to {plan.days[-1]}"
    if person.of_others:
        yield _accounts_of_others(person)
    if plan.managers_of:
        listed = ", ".join(map(printable, plan.managers_of[:MAX_LISTED]))
        more = "" if len(plan.managers_of) <= MAX_LISTED else ", …"
        yield (
            f"  Stays      {plural(len(plan.managers_of), 'account')} of other people with this person as"
            f" manager: {listed}{more}. Correct them in their directories."
        )
    if plan.not_searched:
        yield (
            f"  Stays      {plural(len(plan.not_searched), 'exported file')} of earlier settings, or without"
            f" a column that identifies people: {some_of(plan.not_searched)}. Delete those that have this"
            " person."
        )
    if organization.publish.csv and not is_in_lake(organization):
        yield f"  Stays      the exports in {organization.publish.csv.path}"
    yield f"  Stays      what is out of reach: {OUT_OF_REACH}."


def _accounts_of_others(person: Person) -> str:
    owners = sorted(set(person.of_others.values()))
    accounts = list(person.of_others)
    return (
        f"  Stays      {plural(len(accounts), 'account')} of this person that another person has since:"
        f" {some_of([printable(account) for account in accounts])}. Only rows with the person id above are"
        f" removed. If the ids are of one person, delete the accounts in their directories, sync, and forget"
        f" the person {some_of(owners)}, which removes both."
    )


def _removed(organization: Organization, lake: Lake, done: Forgotten) -> str:
    return (
        f"{organization.name}: {plural(done.rows, 'row')} were removed from {plural(done.files, 'file')}."
        f" {lake.url(RECORD)} records it without personal data."
    )


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "Nobody can be asked here. Nothing was removed. To remove without asking, add --yes."
        )
    try:
        return click.confirm("\nRemove all of this? It cannot be undone", err=True)
    except click.Abort:
        click.echo()
        return False


def _now() -> datetime:
    return datetime.now(UTC)
