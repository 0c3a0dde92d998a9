"""The command line `opensense-okta`: the commands, their options and their help."""

import sys
from pathlib import Path
from typing import Any

import click

from opensense_okta.cli.arguments import UsageError, lake_of, organization_of
from opensense_okta.config.environment import (
    collect_garbage_rarely,
    set_private_umask,
    switch_off_telemetry,
)
from opensense_okta.config.errors import UserError
from opensense_okta.simulator.command import simulate
from opensense_okta.storage.private_files import repair_home

collect_garbage_rarely()

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)


class Commands(click.Group):
    """Commands that report expected errors in words.

    An error that time may resolve, such as a file that another process replaced, is no wrong use.
    """

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Runs the command.

        Raises:
            UsageError: The configuration or the environment is wrong.
            ClickException: The error is transient, or the disk refused something.
        """
        try:
            return super().invoke(ctx)
        except UserError as error:
            failed = click.ClickException if error.transient else UsageError
            raise failed(str(error)) from None
        except Exception as error:
            from opensense_okta.storage.file_errors import storage_refusal  # noqa: PLC0415

            refused = storage_refusal(error)
            if refused is None:
                raise
            raise click.ClickException(str(refused)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keep a company's directory current: read, resolve, check, publish.

    Exit status: 0 done, 1 the sync failed, 2 wrong use or configuration, 3 held back by a check.
    """
    set_private_umask()
    switch_off_telemetry()
    repair_home()


main.add_command(simulate)


# The commands import their modules when they run: Dagster and DuckDB take one to two seconds to import.


@main.command()
@click.argument("organization")
@click.option("--date", "day", metavar="D", help="The day, such as 2026-11-23. Default: today.")
@click.option("--full", is_flag=True, help="Read all memberships, also the unchanged ones.")
@json_option
def sync(organization: str, day: str | None, full: bool, as_json: bool) -> None:
    """Read, resolve, check and publish ORGANIZATION's day, now.

    Dagster's UI shows the run. A past day is resolved again from the stored snapshots. On an instance with a
    remote run launcher, the run is launched and followed.
    """
    from opensense_okta.cli.sync import sync_now  # noqa: PLC0415 - slow to import

    sys.exit(sync_now(organization, day, full=full, as_json=as_json))


@main.command()
@click.argument("organization")
@json_option
def doctor(organization: str, as_json: bool) -> None:
    """Check credentials, permissions, rate limits and files before ORGANIZATION's next sync.

    Exit status 1: the next sync would fail.
    """
    from opensense_okta.cli.doctor import doctor_now  # noqa: PLC0415 - slow to import

    configured = organization_of(organization)
    sys.exit(doctor_now(configured, lake_of(configured), as_json=as_json))


@main.command()
@click.argument("organization")
@click.argument("who")
@click.option(
    "--date",
    "day",
    metavar="D",
    help="A stored day, such as 2026-11-23. Default: the published day.",
)
@json_option
def explain(organization: str, who: str, day: str | None, as_json: bool) -> None:
    """Show where each value of WHO comes from: directory, rule, other values, and since when.

    WHO is an e-mail address, a login, an employee number, a part of a name, a person id or an account id
    such as okta/00u1. People are also found by values that were not selected.
    """
    from opensense_okta.cli.explain import explain_now  # noqa: PLC0415 - slow to import

    explain_now(organization, who, day, as_json=as_json)


@main.command()
@click.argument("organization")
@click.option("--date", "day", metavar="D", required=True, help="The day that is held back.")
@click.option("--by", metavar="WHO", required=True, help="Who approves. The name is recorded.")
@click.option("--yes", is_flag=True, help="Do not ask. Then the number of each guard is required.")
@click.option("--removed", type=int, metavar="N", help="People or accounts gone or inactive.")
@click.option("--removed-memberships", type=int, metavar="N", help="Memberships that are gone.")
@click.option("--blanked", type=int, metavar="N", help="Values that became blank.")
@click.option("--rewritten", type=int, metavar="N", help="Values that became other ones.")
@click.option("--missing", type=int, metavar="N", help="Directories that are missing.")
@click.option(
    "--correlation", type=int, metavar="N", help="People who no longer have several accounts."
)
@click.option("--unproven", type=int, metavar="N", help="Checks of snapshots that did not pass.")
@click.option(
    "--uncompared",
    type=int,
    metavar="N",
    help="Active people, if there is nothing to compare with.",
)
def approve(organization: str, day: str, by: str, yes: bool, **seen: int | None) -> None:
    """Publish one day of ORGANIZATION that is held back, after a person has reviewed it.

    Shows the result of each guard with examples, asks, and publishes. With --yes, give the current number of
    each guard that holds the day back. Exit status: 0 published, 3 still held back.
    """
    from opensense_okta.cli.approve import approve_now  # noqa: PLC0415 - slow to import

    given = {name: number for name, number in seen.items() if number is not None}
    sys.exit(approve_now(organization, day, by, yes=yes, seen=given))


@main.command()
@click.argument("url")
def copy_lake(url: str) -> None:
    """Copy everything that is stored to URL: another folder, or an object store.

    URL is a folder, or a URL such as s3://bucket/folder. The place must be empty; an interrupted copy is
    continued. Syncs wait until the copy ends.
    """
    from opensense_okta.cli.copy_lake import copy_lake_now  # noqa: PLC0415 - slow to import

    sys.exit(copy_lake_now(url))


@main.command()
@click.argument("organization")
@click.argument("who")
@click.option("--by", metavar="NAME", required=True, help="Who does it. The name is recorded.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(organization: str, who: str, by: str, yes: bool) -> None:
    """Remove WHO from every stored day, the identity ledger, the exports and the published database.

    WHO is found as by `explain`. Delete the accounts in the directories first, and sync. Shows what is
    removed and what is out of reach, and asks. Exit status: 0 removed, 1 not removed, 2 refused: for
    instance, a directory still has WHO.
    """
    from opensense_okta.cli.forget import forget_now  # noqa: PLC0415 - slow to import

    sys.exit(forget_now(organization, who, by, yes=yes))


@main.command()
@click.argument("organization")
@click.option("--date", "day", metavar="D", help="A stored day. Default: today.")
@click.option("--rules", metavar="FILE", help="An organization file whose rules are tried.")
@click.option(
    "--all", "all_attributes", is_flag=True, help="All attributes, not only those in signatures."
)
@click.option(
    "--people",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many people are listed for each kind of change, and rows of the export.",
)
@json_option
def preview(
    organization: str,
    day: str | None,
    rules: str | None,
    all_attributes: bool,
    people: int,
    as_json: bool,
) -> None:
    """Show what publishing would change now, or what other rules would change on a stored day.

    Resolves the newest stored snapshots. Reads no directory and writes nothing.
    """
    from opensense_okta.cli.preview import preview_now  # noqa: PLC0415 - slow to import

    preview_now(
        organization, day, rules, all_attributes=all_attributes, people=people, as_json=as_json
    )


@main.command()
def init() -> None:
    """Make the marker of a lake in an object store; a folder needs none.

    A lake in an object store is used only if it has the marker lake.json, so that a mistyped URL is never
    taken for a new lake. The bucket must exist, and honour conditional writes.
    """
    from opensense_okta.cli.init import init_now  # noqa: PLC0415 - slow to import

    init_now()


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Beyond loopback, users and an https --public-url are required.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3000,
    show_default=True,
    help="The port; 0 takes any free one.",
)
@click.option("--public-url", metavar="URL", help="The address of a proxy in front of it.")
@click.option("--read-only", is_flag=True, help="The UI changes nothing. The daemon goes on.")
@click.option("--no-daemon", is_flag=True, help="Only the UI: the daemon runs elsewhere.")
@click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=Path),
    default="workspace.yaml",
    show_default=True,
    help="Dagster's workspace file.",
)
def ui(
    host: str,
    port: int,
    public_url: str | None,
    read_only: bool,
    no_daemon: bool,
    workspace: Path,
) -> None:
    """Serve Dagster's UI and run its daemon, which starts the scheduled syncs and retries.

    Visitors sign in: by the link that it prints, or as users of OPENSENSE_UI_PASSWORD_FILE. A guard refuses
    what other web pages send through a browser. Ctrl-C ends everything within ten seconds.
    """
    from opensense_okta.cli.ui import ui_now  # noqa: PLC0415 - slow to import

    ui_now(host, port, public_url, workspace, read_only=read_only, with_daemon=not no_daemon)


@main.command()
@click.argument("name")
def ui_password(name: str) -> None:
    """Add NAME to the users of the UI, or set a new password.

    Asks for the password, or reads a line of standard input if that is no terminal. Writes its hash into
    the file that OPENSENSE_UI_PASSWORD_FILE names. A running UI reads it again.
    """
    from opensense_okta.cli.ui_password import set_ui_password  # noqa: PLC0415 - slow to import

    set_ui_password(name)


if __name__ == "__main__":
    main()
