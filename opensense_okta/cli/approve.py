"""The command `approve`: shows why a day is held back, asks, and publishes it.

The examples are personal data: they are printed only, never written to logs or events.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from shlex import quote

import click

from opensense_okta.cli.arguments import (
    UsageError,
    day_of,
    named,
    organization_of,
    writable_lake_of,
)
from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.cli.terminal import PlainWatcher, print_table, terminal
from opensense_okta.config.models import Organization
from opensense_okta.orchestration.in_process import (
    run_approval,
    send_notifications,
    without_a_run,
)
from opensense_okta.orchestration.instance.home import prepared_home
from opensense_okta.orchestration.runs import JobRun
from opensense_okta.publishing.approval import (
    NotApproved,
    NumbersMissing,
    Outcome,
    numbers,
    require_approvable,
    review_day,
    verify_numbers,
)
from opensense_okta.publishing.days import examples_of
from opensense_okta.publishing.exports.state import export_pending
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.published import NotResolved, describe, published
from opensense_okta.storage.lake import DATABASE, Lake

EXAMPLES = 20  # of each guard


def approve_now(
    name: str, day_given: str, by: str, *, yes: bool, seen: Mapping[str, int]
) -> ExitCode:
    """Shows the verdicts, asks or compares the numbers, and publishes.

    Args:
        name: The organization's name.
        day_given: The day that is held back.
        by: The name of the person who approves.
        yes: Do not ask; compare `seen` with the current numbers.
        seen: The number of each guard that holds the day back, by the names of `approval.NUMBERS`.

    Raises:
        UsageError: The day is not stored, must be resolved again first, or a newer one is published.
    """
    os.environ["DAGSTER_HOME"] = str(prepared_home())
    organization = organization_of(name)
    day, lake = day_of(organization, day_given), writable_lake_of(organization)
    who = named(by)
    _refuse_older(organization, lake, day)
    try:
        # A day is judged by one process at a time: the judgement is stored.
        with without_a_run(lake, report=_waiting):
            outcome = review_day(organization, lake, day)
    except NotResolved as error:
        raise UsageError(str(error)) from None
    judgement = outcome.judgement
    if outcome.state != "needs_approval" or judgement is None:
        return _complete(organization, lake, day, outcome)
    _show(organization, lake, judgement)
    try:
        require_approvable(judgement)
        if yes:
            verify_numbers(judgement, seen, None)
    except NumbersMissing as error:
        command = _command(organization, judgement, who)
        return _not_approved(f"{error}\nIf you have looked at it: {command}")
    except NotApproved as error:
        return _not_approved(str(error))
    if not yes and not _agreed(judgement):
        click.echo(f"{day} was not approved. {_published_day(lake)}")
        return ExitCode.HELD_BACK
    approval = {"by": who, "digest": judgement.digest, **numbers(judgement)}
    # The organization file may have changed while the person was looking.
    return _publish(organization_of(name), lake, day, approval)


def _waiting(words: str) -> None:
    click.echo(words, err=True)


def _not_approved(reason: str) -> ExitCode:
    click.echo(f"\n{reason}", err=True)
    return ExitCode.HELD_BACK


def _refuse_older(organization: Organization, lake: Lake, day: date) -> None:
    last = published(lake)
    if last is not None and last.day > day:
        raise UsageError(
            f"{organization.name}: the directory of {last.day} is published, so the older one of {day}"
            f" is not. To publish an older day, start the job {organization.name}__approve in"
            " Dagster's UI with `even_if_older: true`."
        )


def _complete(organization: Organization, lake: Lake, day: date, outcome: Outcome) -> ExitCode:
    """Publishes and exports a day that needs no approval, unless that has been done."""
    approval = outcome.approval
    if approval is None:
        click.echo(f"{organization.name}, {day}: is not held back, so it needs no approval.")
    else:
        click.echo(
            f"{organization.name}, {day}: {approval.by} approved it at"
            f" {approval.when:%Y-%m-%d %H:%M} UTC."
        )
    if outcome.state == "published":
        click.echo("  It is published.")
        if not export_pending(organization, lake):
            return ExitCode.DONE
        click.echo("  Its export has not been delivered; it is delivered now.")
    return _publish(organization, lake, day, {})


def _show(organization: Organization, lake: Lake, judgement: Judgement) -> None:
    """Prints why the day is held back, with examples for each guard."""
    replaces = judgement.replaces
    against = (
        f"{describe(replaces, judgement.day)}, which it would replace" if replaces else "nothing"
    )
    click.echo(f"{organization.name}, {judgement.day}: is held back. Compared with {against}:")
    difference, found = examples_of(lake, judgement, judgement.tripped, EXAMPLES)
    click.echo(
        f"  {difference.added:,} people added, {difference.removed:,} removed,"
        f" {difference.changed:,} changed."
    )
    for reason in judgement.reasons:
        click.echo(f"  {reason}")
    for examples in found:
        click.echo(f"\n  Examples of {examples.of}:")
        print_table(list(examples.rows[0]), (list(row.values()) for row in examples.rows))


def _agreed(judgement: Judgement) -> bool:
    try:
        return click.confirm(f"\nPublish the directory of {judgement.day} all the same?")
    except click.Abort:  # standard input is closed, or the command was interrupted
        click.echo()
        return False


def _command(organization: Organization, judgement: Judgement, who: str) -> str:
    """The command that publishes the day without a question."""
    options = " ".join(
        f"--{name.replace('_', '-')} {number}" for name, number in numbers(judgement).items()
    )
    required = f"{organization.name} --date {judgement.day} --by {quote(who)}"
    return f"opensense-okta approve {required} --yes {options}"


def _publish(
    organization: Organization, lake: Lake, day: date, approval: Mapping[str, object]
) -> ExitCode:
    with terminal() as console:
        run = run_approval(organization, day, lake, PlainWatcher(console), approval)
    for line in _outcome(organization, lake, day, run):
        click.echo(line)
    for line in send_notifications(organization, lake):
        click.echo(f"  {line}")
    if run.held:
        return ExitCode.HELD_BACK
    return ExitCode.FAILED if run.failures else ExitCode.DONE


def _outcome(organization: Organization, lake: Lake, day: date, run: JobRun) -> Iterator[str]:
    last = published(lake)
    if last is not None and last.day == day:
        by = f", approved by {last.approved_by}" if last.approved_by else ""
        yield f"{organization.name}, {day}: published{by}: {lake.url(DATABASE)}"
    else:
        yield f"{organization.name}, {day}: not published. {_published_day(lake)}"
    yield from (f"  {line}" for failure in run.failures for line in failure.splitlines())
    yield f"  Run {run.run_id} in Dagster's UI (opensense-okta ui)"


def _published_day(lake: Lake) -> str:
    last = published(lake)
    return f"The directory of {last.day} stays published." if last else "Nothing is published yet."
