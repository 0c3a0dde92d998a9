"""The command `simulate`."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from opensense_okta.simulator.entra.server import Simulator as EntraSimulator
    from opensense_okta.simulator.okta.server import Simulator

PORT = 8765
ENTRA_PORT = 8766

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes any.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same org.")
@click.option("--users", default=200, show_default=True, help="How many users to begin with.")
@click.option("--groups", default=20, show_default=True, help="How many groups to begin with.")
@click.option("--memberships", default=600, show_default=True, help="How many, without Everyone's.")
@click.option("--day", type=_DAY, help="The org's day; today (UTC) by default.")
@click.option("--since", type=_DAY, help="Found the org on that day and let the days pass.")
@click.option(
    "--token",
    "tokens",
    multiple=True,
    default=["simulator-token"],
    show_default=True,
    help="API token to accept; may be repeated.",
)
@click.option("--client-id", help="Client id of a service app that must use DPoP.")
@click.option("--public-key", type=_FILE, help="Its public key: PEM or JWK.")
@click.option("--latency-ms", default=0, show_default=True, help="How long every answer takes.")
@click.option("--users-limit", default=600, show_default=True, help="User requests a minute.")
@click.option("--groups-limit", default=500, show_default=True, help="Group requests a minute.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[,KEY=VALUE…]",
    help="What goes wrong, such as `reset,after=3` or `server-error,times=2`; may be repeated.",
)
@click.option(
    "--entra/--no-entra",
    default=True,
    show_default=True,
    help="Whether the company has an Entra tenant too.",
)
@click.option(
    "--entra-port",
    type=click.IntRange(0, 65535),
    help="Its port, for login and Graph.  [default: 8766; any with another --port]",
)
@click.option(
    "--entra-certificate",
    type=_FILE,
    help="Certificate (PEM) that its application may use instead of the client secret.",
)
@click.option(
    "--entra-fault",
    "entra_faults",
    multiple=True,
    metavar="NAME[,KEY=VALUE…]",
    help="What goes wrong there, such as `throttled,times=3`; may be repeated.",
)
@click.option(
    "--hr-file",
    type=_FILE,
    help="Where to write the HR department's CSV of the company; again after each day.",
)
@click.option("--ready-file", type=_FILE, help="Is given Okta's URL when the simulators listen.")
def simulate(ready_file: Path | None, hr_file: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's
    """Run a local Okta org and Entra tenant that answer as the real ones do, until stopped."""
    with _ended_by_signals():
        _serve(ready_file, hr_file, options)


def _serve(ready_file: Path | None, hr_file: Path | None, options: dict[str, Any]) -> None:
    from opensense_okta.simulator.assembly import (  # noqa: PLC0415 - heavy
        entra_simulator,
        keep_hr_file,
        okta_simulator,
    )
    from opensense_okta.simulator.serving import by_port, make_server  # noqa: PLC0415 - heavy

    wanted = {name: options.pop(name) for name in tuple(options) if name.startswith("entra")}
    entra_too = wanted.pop("entra")
    port, entra_port = options.pop("port"), wanted.pop("entra_port")
    if entra_port is None:
        entra_port = ENTRA_PORT if port == PORT else 0
    okta = okta_simulator(**options)
    entra = entra_simulator(okta, **wanted) if entra_too else None
    if hr_file:
        keep_hr_file(okta, hr_file)
    with ExitStack() as listeners:
        apps: dict[socket.socket, ASGIApp] = {}
        for simulator, number in ((okta, port), (entra, entra_port)):
            if simulator:
                apps[listeners.enter_context(_listen(simulator, number))] = simulator.app
        _announce(okta, entra, options["tokens"][0], ready_file)
        ports = {listener.getsockname()[1]: app for listener, app in apps.items()}
        make_server(by_port(ports)).run(sockets=list(apps))


def _listen(simulator: "Simulator | EntraSimulator", port: int) -> socket.socket:
    from opensense_okta.simulator.serving import listen  # noqa: PLC0415 - heavy

    try:
        return listen(simulator, port)
    except OSError as problem:
        reason = os.strerror(problem.errno or 0)
        click.echo(f"Cannot listen on 127.0.0.1:{port}: {reason}.", err=True)
        raise click.exceptions.Exit(2) from None


def _announce(
    okta: "Simulator", entra: "EntraSimulator | None", token: str, ready_file: Path | None
) -> None:
    """Say where everything is, and how to get in."""
    from opensense_okta.simulator.entra import server  # noqa: PLC0415 - heavy

    if ready_file:
        _write_whole(ready_file, f"{okta.url}\n")
    org = okta.org
    click.echo(
        f"Okta simulator on {okta.url}: {len(org.users)} users, {len(org.groups)} groups, "
        f"day {org.day}, API token {token}"
    )
    if entra:
        click.echo(
            f"Entra simulator on {entra.url}: tenant {server.TENANT_ID}, client id "
            f"{server.CLIENT_ID}, client secret {server.CLIENT_SECRET}"
        )


def _write_whole(path: Path, text: str) -> None:
    """Write a file that nobody ever sees half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the work quietly; uvicorn hands them on when it has shut down."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


if __name__ == "__main__":
    simulate()
