"""The command `simulate`."""

import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from opensense_okta.simulator.files import atomic_write
from opensense_okta.simulator.vendor import FILE, Vendor
from opensense_okta.simulator.vendors import VENDORS

if TYPE_CHECKING:
    from opensense_okta.simulator.company.org import Org
    from opensense_okta.simulator.simulated_api import SimulatedApi

_DAY = click.DateTime(["%Y-%m-%d"])

COMPANY = (
    click.Option(
        ["--seed"],
        default=1,
        show_default=True,
        help="The same seed and sizes give the same company.",
    ),
    click.Option(["--users"], default=200, show_default=True, help="Users on the first day."),
    click.Option(["--groups"], default=20, show_default=True, help="Groups on the first day."),
    click.Option(
        ["--memberships"],
        default=600,
        show_default=True,
        help='Memberships on the first day, without those of the group "Everyone".',
    ),
    click.Option(["--day"], type=_DAY, help="The company's date.  [default: today (UTC)]"),
    click.Option(
        ["--since"],
        type=_DAY,
        help="The company's first day; the changes until --day are simulated.  [default: --day]",
    ),
    click.Option(
        ["--quiet"],
        is_flag=True,
        help="On a day only 1 % of the users and the members of 2 % of the groups change.",
    ),
    click.Option(
        ["--hr-file"],
        type=FILE,
        help="Write the HR department's CSV of the company to this file, and again after each day.",
    ),
)
SERVING = (
    click.Option(
        ["--latency-ms"], default=0, show_default=True, help="Milliseconds that each answer takes."
    ),
    click.Option(
        ["--ready-file"],
        type=FILE,
        help="Write Okta's URL to this file when the simulators listen.",
    ),
)


class Simulation(NamedTuple):
    """One vendor's simulator as the options describe it."""

    name: str
    api: "SimulatedApi"
    port: int
    description: str


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[*COMPANY, *SERVING, *(option for vendor in VENDORS for option in vendor.options)],
)
def simulate(**options: Any) -> None:  # noqa: ANN401 - click's
    """Run a local Okta org, Entra tenant and Google Workspace account of one company, until stopped.

    They answer as the real APIs do.
    """
    if not find_spec("faker"):
        click.echo(
            "The simulated company's names come from faker, which is not installed. "
            "Install it with: pip install 'opensense-okta[simulate]'",
            err=True,
        )
        raise click.exceptions.Exit(2)
    with _ended_by_signals():
        _serve(options)


def _serve(options: Mapping[str, Any]) -> None:
    from opensense_okta.simulator.serving import by_port, make_server  # noqa: PLC0415 - heavy

    org = _company(options)
    simulations = [
        _simulation(vendor, org, options)
        for vendor in VENDORS
        if options.get(f"{vendor.prefix}_enabled", True)
    ]
    if hr_file := options["hr_file"]:
        _keep_hr_file(org, hr_file)
    with ExitStack() as stack:
        listeners = [stack.enter_context(_listen(simulation)) for simulation in simulations]
        apps = {
            listener.getsockname()[1]: simulation.api.app
            for listener, simulation in zip(listeners, simulations, strict=True)
        }
        if ready_file := options["ready_file"]:
            _write("--ready-file", ready_file, f"{simulations[0].api.url}\n")
        make_server(by_port(apps), partial(_announce, simulations)).run(sockets=listeners)


def _announce(simulations: Sequence[Simulation]) -> None:
    """Print where the simulators listen; earlier, a signal could be lost while uvicorn starts."""
    for simulation in simulations:
        click.echo(f"{simulation.name} simulator on {simulation.api.url}: {simulation.description}")


def _company(options: Mapping[str, Any]) -> "Org":
    from opensense_okta.simulator.company.changes import QUIET, Rates  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.company.org import Org  # noqa: PLC0415 - heavy

    today = (options["day"] or datetime.now(UTC)).date()
    first_day = options["since"].date() if options["since"] else today
    sizes = (options["users"], options["groups"], options["memberships"])
    org = Org.create(
        options["seed"], *sizes, first_day, rates=QUIET if options["quiet"] else Rates()
    )
    org.advance(today)
    return org


def _simulation(vendor: Vendor, org: "Org", options: Mapping[str, Any]) -> Simulation:
    values = vendor.values(options)
    values.pop("enabled", None)
    port = values.pop("port")
    if port is None:
        first = VENDORS[0]
        port = vendor.port if options[f"{first.prefix}_port"] == first.port else 0
    api = vendor.make(org, latency=options["latency_ms"] / 1000, **values)
    return Simulation(vendor.name, api, port, vendor.describe(api, **values))


def _keep_hr_file(org: "Org", path: Path) -> None:
    """Write the HR department's file of the company now, and again after each day."""
    from opensense_okta.simulator.company.hr import hr_csv  # noqa: PLC0415 - heavy

    _write("--hr-file", path, hr_csv(org))
    org.day_passed.append(lambda: atomic_write(path, hr_csv(org)))


def _write(option: str, path: Path, text: str) -> None:
    try:
        atomic_write(path, text)
    except OSError as error:
        raise click.UsageError(f"{option} {path}: {error.strerror}") from None


def _listen(simulation: Simulation) -> socket.socket:
    from opensense_okta.simulator.serving import listen  # noqa: PLC0415 - heavy

    try:
        return listen(simulation.api, simulation.port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        click.echo(f"Cannot listen on 127.0.0.1:{simulation.port}: {reason}.", err=True)
        raise click.exceptions.Exit(2) from None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the work quietly; uvicorn raises them again after its shutdown."""

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
