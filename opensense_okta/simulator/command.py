"""The command `simulate`."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from opensense_okta.simulator.faults import Fault
    from opensense_okta.simulator.oauth import Client
    from opensense_okta.simulator.server import Simulator

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
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
@click.option("--ready-file", type=_FILE, help="Is given the URL when the simulator listens.")
def simulate(port: int, ready_file: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's
    """Run a local Okta org that answers as the real one does, until it is stopped."""
    with _ended_by_signals():
        _serve(port, ready_file, options)


def _serve(port: int, ready_file: Path | None, options: dict[str, Any]) -> None:
    from opensense_okta.simulator.server import listen, make_server  # noqa: PLC0415 - heavy

    simulator = _simulator(**options)
    try:
        listener = listen(simulator, port)
    except OSError as problem:
        reason = os.strerror(problem.errno or 0)
        click.echo(f"Cannot listen on 127.0.0.1:{port}: {reason}.", err=True)
        raise click.exceptions.Exit(2) from None
    org = simulator.org
    if ready_file:
        _write_whole(ready_file, f"{simulator.url}\n")
    click.echo(
        f"Okta simulator on {simulator.url}: {len(org.users)} users, {len(org.groups)} groups, "
        f"day {org.day}, API token {next(iter(options['tokens']))}"
    )
    with listener:
        make_server(simulator).run(sockets=[listener])


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


def _simulator(
    seed: int,
    users: int,
    groups: int,
    memberships: int,
    day: datetime | None,
    since: datetime | None,
    tokens: tuple[str, ...],
    client_id: str | None,
    public_key: Path | None,
    latency_ms: int,
    users_limit: int,
    groups_limit: int,
    faults: tuple[str, ...],
) -> "Simulator":
    from opensense_okta.simulator.limits import Limits  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.org import Org  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.server import Simulator  # noqa: PLC0415 - heavy

    today = (day or datetime.now(UTC)).date()
    org = Org.create(seed, users, groups, memberships, since.date() if since else today)
    org.advance(today)
    return Simulator(
        org,
        tokens=tokens,
        clients=_clients(client_id, public_key),
        limits=Limits(users=users_limit, groups=groups_limit),
        faults=[_fault(text) for text in faults],
        latency=latency_ms / 1000,
    )


def _clients(client_id: str | None, public_key: Path | None) -> list["Client"]:
    from opensense_okta.simulator.oauth import Client  # noqa: PLC0415 - heavy

    if not client_id and not public_key:
        return []
    if not client_id or not public_key:
        raise click.UsageError("--client-id and --public-key belong together.")
    try:
        text = public_key.read_text(encoding="utf-8")
        return [Client(client_id, (json.loads(text) if text.lstrip()[:1] == "{" else text,))]
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"--public-key {public_key}: {problem}") from None


def _fault(text: str) -> "Fault":
    """The fault that `name,key=value` describes; a value is JSON, or else plain text."""
    from opensense_okta.simulator.faults import make_fault  # noqa: PLC0415 - heavy

    name, *pairs = text.split(",")
    options = {key: _value(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    try:
        return make_fault(name, **options)
    except ValueError as problem:
        raise click.UsageError(f"--fault: {problem}") from None


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    simulate()
