"""People's front door: `opensense-okta …`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from opensense_okta.arguments import WrongUse, lake_of, organization_of
from opensense_okta.environment import EnvironmentMistake, keep_private
from opensense_okta.organization import OrganizationsFolderMissing
from opensense_okta.simulator.command import simulate

WRONG_USE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keeps a company's directory current: read, resolved, checked, published.

    Exit status: 0 done, 1 the sync failed, 2 wrong use or configuration, 3 held back by a check.
    """
    keep_private()


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
    from opensense_okta.syncing import sync_now  # noqa: PLC0415 - see above

    with _wrong_use_in_words():
        sys.exit(sync_now(organization, day, everything=full, as_json=as_json))


@main.command()
@click.argument("organization")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def doctor(organization: str, as_json: bool) -> None:
    """Examine what decides whether ORGANIZATION's next sync will be well; exit 1 when it will not."""
    from opensense_okta.doctoring import show  # noqa: PLC0415 - imports what only this command needs

    with _wrong_use_in_words():
        asked = organization_of(organization)
        sys.exit(show(asked, lake_of(asked), as_json=as_json))


@contextmanager
def _wrong_use_in_words() -> Iterator[None]:
    try:
        yield
    except (WrongUse, EnvironmentMistake, OrganizationsFolderMissing) as mistake:
        click.echo(str(mistake), err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
