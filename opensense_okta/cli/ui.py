"""The command `ui`: Dagster's UI and daemon, behind the guard."""

import re
from pathlib import Path
from typing import Final

import click

from opensense_okta.cli.arguments import UsageError
from opensense_okta.config.environment import ui_password_file
from opensense_okta.config.locations import is_loopback
from opensense_okta.orchestration.instance.home import prepared_home
from opensense_okta.web.passwords import read_users
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
        UsageError: the public address is no URL, or other machines could come in without users and TLS.
        PasswordFileMistake: the password file cannot be used.
    """
    if public_url is not None:
        _require_address(public_url)
    _require_safety(host, public_url)
    if not workspace.is_file():
        raise UsageError(
            f"There is no workspace file {workspace}. Start the command in the folder of the project, or"
            " name the file with `--workspace`."
        )
    run_ui(
        prepared_home(),
        Address(host, port, public_url),
        workspace.absolute(),
        click.echo,
        read_only=read_only,
        with_daemon=with_daemon,
    )


def _require_safety(host: str, public_url: str | None) -> None:
    """Refuses to let other machines in without users and TLS."""
    users = ui_password_file()
    if users:
        read_users(users)
    if is_loopback(host):
        return
    if not users:
        raise UsageError(
            f"--host {host} lets other machines in, and the UI has no users. Set OPENSENSE_UI_PASSWORD_FILE,"
            " and add users with `opensense-okta ui-password NAME`. Or leave it on loopback, and reach it by"
            " `ssh -L` or a proxy on this machine."
        )
    if not (public_url or "").lower().startswith("https:"):
        raise UsageError(
            f"--host {host} lets other machines in, and passwords must not cross the network unencrypted."
            " Put a proxy with TLS in front of the UI, and name its address, such as `--public-url"
            " https://dagster.acme.com`."
        )


def _require_address(public_url: str) -> None:
    if not ADDRESS.fullmatch(public_url):
        raise UsageError(
            "What --public-url names is no address such as https://dagster.acme.com, without user and path."
        )
