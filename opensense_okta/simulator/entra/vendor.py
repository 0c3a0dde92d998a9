"""Entra's options of `simulate`, and how they make its simulator."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opensense_okta.simulator.vendor import FILE, PORT, Vendor, fault_option, parse_fault

if TYPE_CHECKING:
    from opensense_okta.simulator.company.org import Org
    from opensense_okta.simulator.entra.apps import App
    from opensense_okta.simulator.entra.server import Simulator

DEFAULT_PORT = 8766


def _make(
    org: "Org", latency: float, *, certificate: Path | None, faults: Iterable[str]
) -> "Simulator":
    from opensense_okta.simulator.entra import faults as entra  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.entra.server import APP, Simulator  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.entra.tenant import Tenant  # noqa: PLC0415 - heavy

    return Simulator(
        Tenant(org),
        apps=[_app(certificate) if certificate else APP],
        faults=[parse_fault(fault, entra.make_fault, "--entra-fault") for fault in faults],
        latency=latency,
    )


def _app(certificate: Path) -> "App":
    from opensense_okta.simulator.entra.apps import App  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.entra.server import (  # noqa: PLC0415 - heavy
        CLIENT_ID,
        CLIENT_SECRET,
    )

    try:
        return App(CLIENT_ID, (CLIENT_SECRET,), certificates=(certificate.read_text("utf-8"),))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--entra-certificate {certificate}: {error}") from None


def _describe(_: "Simulator", **__: object) -> str:
    from opensense_okta.simulator.entra.server import (  # noqa: PLC0415 - heavy
        CLIENT_ID,
        CLIENT_SECRET,
        TENANT_ID,
    )

    return f"tenant {TENANT_ID}, client id {CLIENT_ID}, client secret {CLIENT_SECRET}"


ENTRA = Vendor(
    name="Entra",
    prefix="entra",
    port=DEFAULT_PORT,
    options=(
        click.Option(
            ["--entra/--no-entra", "entra_enabled"],
            default=True,
            show_default=True,
            help="Whether the company also has an Entra tenant.",
        ),
        click.Option(
            ["--entra-port"],
            type=PORT,
            help="Port of the Entra login endpoint and of Graph."
            f"  [default: {DEFAULT_PORT}; any free port with another --port]",
        ),
        click.Option(
            ["--entra-certificate"],
            type=FILE,
            help="Certificate (PEM) that Entra's application may use instead of the client secret.",
        ),
        fault_option(
            "--entra-fault", "entra_faults", "Entra's login or Graph", "`throttled,times=3`"
        ),
    ),
    make=_make,
    describe=_describe,
)
