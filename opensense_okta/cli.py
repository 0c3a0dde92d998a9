"""People's front door: `opensense-okta …`."""

import sys

import click

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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of words.")
def sync(organization: str, day: str | None, as_json: bool) -> None:
    """Read, resolve, check and publish: ORGANIZATION's daily job, now.

    The run shows in Dagster's UI. A past day is resolved again from what is stored.
    """
    # Dagster takes two seconds to import, which only this command needs.
    from opensense_okta.syncing import WrongUse, sync_now  # noqa: PLC0415 - see above

    try:
        sys.exit(sync_now(organization, day, as_json=as_json))
    except (WrongUse, EnvironmentMistake, OrganizationsFolderMissing) as mistake:
        click.echo(str(mistake), err=True)
        sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
