"""Dagster's web server behind the guard, in one process: `python -m opensense_okta.web.webserver`.

What this needs of Dagster beside its public API is imported here only. It was the same from 1.5.14 to
1.13.27; `tests/web/test_webserver.py` builds the application.
"""

import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten

import click
import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget, WorkspaceLoadTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from opensense_okta.config.environment import dagster_home, ui_password_file
from opensense_okta.config.errors import UserError
from opensense_okta.web.accounts import Accounts
from opensense_okta.web.guard import Guard, Names
from opensense_okta.web.pages.app import build_pages, to_pages
from opensense_okta.web.pages.site import Site
from opensense_okta.web.passwords import PasswordFile
from opensense_okta.web.sign_in import SIGN_IN, SignIn

POLL_MILLISECONDS = 2000  # how often the UI asks for live data
STATEMENT_TIMEOUT, POOL_RECYCLE, POOL_OVERFLOW = 15_000, 3600, 20
"""Milliseconds, seconds and connections; as `dagster-webserver` sets them."""

LONGEST_ERROR = 300  # characters of Dagster's words; it quotes the whole schema of a setting
GRACE = 3  # seconds that open connections have when the server ends


class CannotServe(UserError):
    """Dagster's storage, or the workspace file, cannot be read."""


def build_app(
    context: WorkspaceProcessContext, names: Names, accounts: Accounts, port: int
) -> Guard:
    """The pages and Dagster's web application behind the guard and the sign-in.

    Args:
        context: the code locations.
        names: under which the UI answers.
        accounts: who may sign in.
        port: on which it listens.
    """
    dagster_app = create_app_from_workspace_process_context(context, "", POLL_MILLISECONDS)
    pages = build_pages(Site(context.instance, dagster_app))
    routes = [
        Route("/directory", to_pages),
        Mount("/directory", pages),
        Mount("/", dagster_app),  # it answers every path
    ]
    secure = (names.public_origin or "").startswith("https:")
    app = Starlette(routes=routes)
    read_only = context.read_only
    return Guard(SignIn(app, accounts, port, secure=secure, read_only=read_only), names)


def workspace_context(
    instance: dg.DagsterInstance, target: WorkspaceLoadTarget, *, read_only: bool = False
) -> WorkspaceProcessContext:
    """The code locations, which the application shows."""
    return WorkspaceProcessContext(
        instance, target, version=version("dagster-webserver"), read_only=read_only
    )


def open_instance() -> dg.DagsterInstance:
    """Dagster's instance; it has its tables then.

    Raises:
        CannotServe: its settings have mistakes, or its files are damaged.
    """
    try:
        return dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - of YAML, Dagster, SQLAlchemy and other storages
        raise CannotServe(
            f"Dagster's storage in {dagster_home()} cannot be opened: {_words(error)}",
            impact="Nothing was started, and no schedule starts a sync.",
            remedy="check `dagster.yaml` there, the rights of the folder, and the space on its disk. If"
            " its tables are damaged, restore the folders `history` and `schedules` from a backup.",
        ) from None


def read_workspace(workspace: Path) -> WorkspaceFileTarget:
    """The code locations that a workspace file names; none is loaded yet.

    Raises:
        CannotServe: the file has mistakes.
    """
    target = WorkspaceFileTarget([str(workspace)])
    try:
        target.create_origins()
    except Exception as error:  # noqa: BLE001 - of YAML and Dagster
        raise CannotServe(
            f"The workspace file {workspace} cannot be read: {_words(error)}",
            impact="Nothing was started, and no schedule starts a sync.",
            remedy="correct the file, or name another one with `--workspace`.",
        ) from None
    return target


def _words(error: Exception) -> str:
    text = shorten(str(error), LONGEST_ERROR, placeholder=" …").rstrip(".")
    return f"{type(error).__name__}: {text}."


def serve(
    listening: socket.socket,
    names: Names,
    workspace: Path,
    opened: int,
    *,
    read_only: bool = False,
) -> None:
    """Serves the UI until the process is interrupted or terminated.

    Args:
        listening: the bound socket.
        names: under which the UI answers.
        workspace: Dagster's workspace file.
        opened: a pipe that is closed as soon as Dagster's storage is open, and has its tables.
        read_only: whether Dagster refuses every change.

    Raises:
        CannotServe: Dagster's storage, or the workspace file, cannot be read.
    """
    # uvicorn raises SIGTERM again after its own end; by default the process would end without cleaning up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        target = read_workspace(workspace)
        instance = stack.enter_context(open_instance())
        os.close(opened)
        instance.optimize_for_webserver(STATEMENT_TIMEOUT, POOL_RECYCLE, POOL_OVERFLOW)
        context = stack.enter_context(workspace_context(instance, target, read_only=read_only))
        port = listening.getsockname()[1]
        users = ui_password_file()
        accounts = Accounts(PasswordFile(users) if users else None)
        config = uvicorn.Config(
            build_app(context, names, accounts, port),
            log_level="warning",  # the address of a search may have a name in it
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        click.echo(f"The UI is at {names.address}")
        if accounts.link_token:
            click.echo(
                "Sign in by this link, which works until the UI ends:"
                f" {names.address}{SIGN_IN}?token={accounts.link_token}"
            )
        uvicorn.Server(config).run(sockets=[listening])


@click.command()
@click.option("--socket", "descriptor", type=int, required=True)
@click.option("--opened", type=int, required=True)
@click.option("--host", required=True)
@click.option("--public-url")
@click.option("--read-only", is_flag=True)
@click.option("--workspace", type=click.Path(path_type=Path, exists=True), required=True)
def main(
    descriptor: int,
    opened: int,
    host: str,
    public_url: str | None,
    read_only: bool,
    workspace: Path,
) -> None:
    """Serves the UI on a socket that the parent process has bound."""
    listening = socket.socket(fileno=descriptor)
    names = Names.of(host, listening.getsockname()[1], public_url)
    try:
        serve(listening, names, workspace, opened, read_only=read_only)
    except CannotServe as error:
        click.echo(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
