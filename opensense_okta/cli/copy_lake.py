"""The command `copy-lake`: copies everything that is stored to another place."""

import os
from contextlib import ExitStack
from pathlib import Path

import click

from opensense_okta.cli.arguments import UsageError
from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.config.environment import data_root, is_store, lake_root
from opensense_okta.config.text import plural
from opensense_okta.orchestration.in_process import without_a_run
from opensense_okta.orchestration.instance.home import prepared_home
from opensense_okta.publishing.copy_lake import (
    Copied,
    CopyRefused,
    copied_organizations,
    copy_lakes,
)
from opensense_okta.storage.lake import Lake


def copy_lake_now(url: str) -> ExitCode:
    """Copies the lakes of all organizations, while none of them syncs.

    Args:
        url: A folder, or a URL such as s3://bucket/folder.

    Raises:
        UsageError: The URL is empty.
        UserError: They cannot be copied there, or the object store did not answer.
    """
    os.environ["DAGSTER_HOME"] = str(prepared_home())
    if not url.strip():
        raise UsageError("URL is empty: name a folder, or a URL such as s3://bucket/folder.")
    source, target = data_root(), lake_root(url)
    _refuse_nested(source, target)
    with ExitStack() as locks:
        for name in copied_organizations(source):
            locks.enter_context(without_a_run(Lake(source, name), report=_report))
        copied = copy_lakes(source, target, _done)
    click.echo(
        f"Copied {plural(len(copied), 'organization')} to {target}:"
        f" {plural(sum(lake.files for lake in copied), 'file')},"
        f" {sum(lake.bytes for lake in copied) / 1e6:,.1f} MB."
    )
    click.echo(
        f"What to do: stop all processes, set OPENSENSE_DATA={target} for each of them, and start them again."
        f" What is synced into {source} from now on is not in the copy."
    )
    return ExitCode.DONE


def _refuse_nested(source: Path | str, target: Path | str) -> None:
    old, new = (
        str(place).rstrip("/") if is_store(place) else str(Path(place).resolve())
        for place in (source, target)
    )
    if old == new:
        raise CopyRefused(f"{target} is the lake that is to be copied.", "name another place.")
    if f"{new}/".startswith(f"{old}/") or f"{old}/".startswith(f"{new}/"):
        raise CopyRefused(
            f"One of {source} and {target} is inside the other.",
            "name another place.",
        )


def _report(words: str) -> None:
    click.echo(words, err=True)


def _done(copied: Copied) -> None:
    click.echo(f"{copied.organization}: {plural(copied.files, 'file')}", err=True)
