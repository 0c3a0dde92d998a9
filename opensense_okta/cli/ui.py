"""The command `ui`: Dagster's UI and daemon, behind the guard."""

import re
from pathlib import Path
from typing import Final

import click

from opensense_okta.cli.arguments import UsageError
from opensense_okta.config.environment import writable_home
from opensense_okta.config.file_url import is_loopback
from opensense_okta.web.services import Address, run_ui

ADDRESS: Final = re.compile(
    r"https?://([\w.-]+|\[[0-9a-f:]+\])(:\d{1,5})?/?", re.IGNORECASE | re.ASCII
)


def ui_now(
    host: str,
    port: int,
    public_url: str | None,
    workspace: Path,
    *,
    read_only: bool,
    with_daemon: bool,
) -> None:
    """Runs the UI until it is ended.

    Raises:
        UsageError: the host is not a loopback address, or the public address is no URL.
    """
    _refuse_other_machines(host)
    if public_url is not None:
        _require_address(public_url)
    if not workspace.is_file():
        raise UsageError(
            f"There is no workspace file {workspace}. Start the command in the folder of the project, or"
            " name the file with `--workspace`."
        )
    run_ui(
        writable_home(),
        Address(host, port, public_url),
        workspace.absolute(),
        click.echo,
        read_only=read_only,
        with_daemon=with_daemon,
    )


def _refuse_other_machines(host: str) -> None:
    if not is_loopback(host):
        raise UsageError(
            f"--host {host} would let other machines in, and the UI has no login. Leave it on loopback: reach"
            " it by `ssh -L`, or put a proxy that authenticates users in front of it and name the proxy's"
            " address with `--public-url`."
        )


def _require_address(public_url: str) -> None:
    if not ADDRESS.fullmatch(public_url):
        raise UsageError(
            "What --public-url names is no address such as https://dagster.acme.com, without user and path."
        )
