"""Google's options of `simulate`, and how they make its simulator."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opensense_okta.simulator.vendor import FILE, PORT, Vendor, fault_option, parse_fault

if TYPE_CHECKING:
    from opensense_okta.simulator.company.org import Org
    from opensense_okta.simulator.google.server import Simulator

DEFAULT_PORT = 8767


def _make(
    org: "Org", latency: float, *, key_file: Path | None, faults: Iterable[str]
) -> "Simulator":
    from opensense_okta.simulator.google import faults as google  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.google.account import Account  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.google.server import Simulator  # noqa: PLC0415 - heavy

    return Simulator(
        Account(org),
        key_file=key_file,
        faults=[parse_fault(fault, google.make_fault, "--google-fault") for fault in faults],
        latency=latency,
    )


def _describe(_: "Simulator", *, key_file: Path | None, **__: object) -> str:
    from opensense_okta.simulator.google.server import ADMINISTRATOR, CUSTOMER  # noqa: PLC0415 - heavy

    key = f", service account's key in {key_file}" if key_file else ""
    return f"customer {CUSTOMER}, administrator {ADMINISTRATOR}{key}"


GOOGLE = Vendor(
    name="Google",
    prefix="google",
    port=DEFAULT_PORT,
    options=(
        click.Option(
            ["--google/--no-google", "google_enabled"],
            default=True,
            show_default=True,
            help="Whether the company also has a Google Workspace account.",
        ),
        click.Option(
            ["--google-port"],
            type=PORT,
            help="Port of Google's token endpoint and Directory API."
            f"  [default: {DEFAULT_PORT}; any free port with another --port]",
        ),
        click.Option(
            ["--google-key-file"],
            type=FILE,
            help="Write the key of Google's service account to this file.",
        ),
        fault_option(
            "--google-fault",
            "google_faults",
            "Google's token endpoint or API",
            "`throttled,times=3`",
        ),
    ),
    make=_make,
    describe=_describe,
)
