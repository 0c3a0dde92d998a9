"""People's front door: `opensense-okta …`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from opensense_okta.cli.arguments import UsageError, lake_of, organization_of
from opensense_okta.config.environment import EnvironmentMistake, set_private_umask
from opensense_okta.simulator.command import simulate

WRONG_USE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keeps a company's directory current: read, resolved, checked, published.

    Exit status: 0 done, 1 the sync failed, 2 wrong use or configuration, 3 held back by a check.
    """
    set_private_umask()


main.add_command(simulate)


@main.command()
@click.argument("organization")
@click.option(
    "--date", "day", metavar="D", help="The day, such as 2026-11-23; today when left out."
)
@click.option("--full", is_flag=True, help="Read all memberships, the unchanged ones, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def sync(organization: str, day: str | None, full: bool, as_json: bool) -> None:
    """Read, resolve, check and publish: ORGANIZATION's daily job, now.

    The run shows in Dagster's UI. A past day is resolved again from what is stored.
    """
    # Dagster takes two seconds to import, which only this command needs.
    from opensense_okta.cli.sync import sync_now  # noqa: PLC0415 - see above

    with _wrong_use_in_words():
        sys.exit(sync_now(organization, day, everything=full, as_json=as_json))


@main.command()
@click.argument("organization")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def doctor(organization: str, as_json: bool) -> None:
    """Examine what decides whether ORGANIZATION's next sync will be well; exit 1 when it will not."""
    from opensense_okta.cli.doctor import show  # noqa: PLC0415 - imports what only this command needs

    with _wrong_use_in_words():
        asked = organization_of(organization)
        sys.exit(show(asked, lake_of(asked), as_json=as_json))


@main.command()
@click.argument("organization")
@click.argument("who")
@click.option(
    "--date", "day", metavar="D", help="As of this day, such as 2026-11-23; else as published."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def explain(organization: str, who: str, day: str | None, as_json: bool) -> None:
    """Say where each value of WHO comes from, by which rule, against what and since when.

    WHO is an e-mail address, a login, an employee number, a part of a name, a person id or an account id
    such as okta/00u1. Finds people by the values that lost, too.
    """
    from opensense_okta.cli.explain import explain_now  # noqa: PLC0415 - imports what only this command needs

    with _wrong_use_in_words():
        explain_now(organization, who, day, as_json=as_json)


@main.command()
@click.argument("organization")
@click.option("--date", "day", metavar="D", required=True, help="The day that is held.")
@click.option("--by", metavar="WHO", required=True, help="Who approves; it is recorded.")
@click.option("--yes", is_flag=True, help="Ask nothing; then each number that was seen is needed.")
@click.option("--removed", type=int, metavar="N", help="People or accounts gone or inactive.")
@click.option("--removed-memberships", type=int, metavar="N", help="Memberships that are gone.")
@click.option("--blanked", type=int, metavar="N", help="Values that became blank.")
@click.option("--rewritten", type=int, metavar="N", help="Values that became other ones.")
@click.option("--missing", type=int, metavar="N", help="Directories that are missing.")
@click.option("--correlation", type=int, metavar="N", help="People with several accounts no more.")
@click.option("--unproven", type=int, metavar="N", help="Checks of snapshots that did not pass.")
def approve(organization: str, day: str, by: str, yes: bool, **seen: int | None) -> None:
    """Let one held day of ORGANIZATION through, after looking at what it would change.

    Shows each verdict with examples, asks, and publishes. With --yes the number of each guard that
    holds the day must be given, as it is now. Exit status: 0 published, 3 still held.
    """
    # Dagster takes two seconds to import.
    from opensense_okta.cli.approve import approve_now  # noqa: PLC0415 - see above

    given = {name: number for name, number in seen.items() if number is not None}
    with _wrong_use_in_words():
        sys.exit(approve_now(organization, day, by, yes=yes, seen=given))


@main.command()
@click.argument("organization")
@click.option("--date", "day", metavar="D", help="A stored day; today when left out.")
@click.option("--rules", metavar="FILE", help="An organization file whose rules are tried.")
@click.option("--all", "everything", is_flag=True, help="Not only what signatures show.")
@click.option(
    "--people",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many people are named of each kind of change.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def preview(
    organization: str,
    day: str | None,
    rules: str | None,
    everything: bool,
    people: int,
    as_json: bool,
) -> None:
    """Show what publishing would change for ORGANIZATION now, or other rules on any stored day.

    Resolves the newest stored snapshots, reads no directory, and writes nothing.
    """
    from opensense_okta.cli.preview import preview_now  # noqa: PLC0415 - imports what only this command needs

    with _wrong_use_in_words():
        preview_now(organization, day, rules, everything=everything, people=people, as_json=as_json)


@contextmanager
def _wrong_use_in_words() -> Iterator[None]:
    try:
        yield
    except (UsageError, EnvironmentMistake) as mistake:
        click.echo(str(mistake), err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
