"""Okta's options of `simulate`, and how they make its simulator."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opensense_okta.simulator.vendor import FILE, PORT, Vendor, fault_option, parse_fault

if TYPE_CHECKING:
    from opensense_okta.simulator.company.org import Org
    from opensense_okta.simulator.okta.oauth import Client
    from opensense_okta.simulator.okta.server import Simulator

DEFAULT_PORT = 8765


def _make(
    org: "Org",
    latency: float,
    *,
    tokens: tuple[str, ...],
    client_id: str | None,
    public_key: Path | None,
    users_limit: int,
    groups_limit: int,
    faults: Iterable[str],
) -> "Simulator":
    from opensense_okta.simulator.okta import faults as okta  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.okta.limits import Limits  # noqa: PLC0415 - heavy
    from opensense_okta.simulator.okta.server import Simulator  # noqa: PLC0415 - heavy

    return Simulator(
        org,
        tokens=tokens,
        clients=_clients(client_id, public_key),
        limits=Limits(users=users_limit, groups=groups_limit),
        faults=[parse_fault(fault, okta.make_fault, "--fault") for fault in faults],
        latency=latency,
    )


def _clients(client_id: str | None, public_key: Path | None) -> "list[Client]":
    from opensense_okta.simulator.okta.oauth import Client  # noqa: PLC0415 - heavy

    if not client_id and not public_key:
        return []
    if not client_id or not public_key:
        raise click.UsageError("--client-id and --public-key belong together.")
    try:
        text = public_key.read_text(encoding="utf-8")
        return [Client(client_id, (json.loads(text) if text.lstrip()[:1] == "{" else text,))]
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--public-key {public_key}: {error}") from None


def _describe(okta: "Simulator", *, tokens: tuple[str, ...], **_: object) -> str:
    org = okta.org
    return f"{len(org.users)} users, {len(org.groups)} groups, day {org.day}, API token {tokens[0]}"


OKTA = Vendor(
    name="Okta",
    prefix="okta",
    port=DEFAULT_PORT,
    options=(
        click.Option(
            ["--port", "okta_port"],
            type=PORT,
            default=DEFAULT_PORT,
            show_default=True,
            help="Port of the Okta API on 127.0.0.1; 0 takes any free port.",
        ),
        click.Option(
            ["--token", "okta_tokens"],
            multiple=True,
            default=["simulator-token"],
            show_default=True,
            help="API token that Okta accepts. May be repeated.",
        ),
        click.Option(
            ["--client-id", "okta_client_id"],
            help="Client id of a service app that must use DPoP.",
        ),
        click.Option(
            ["--public-key", "okta_public_key"],
            type=FILE,
            help="Public key of that app: PEM or JWK.",
        ),
        click.Option(
            ["--users-limit", "okta_users_limit"],
            default=600,
            show_default=True,
            help="Okta's limit of user requests in a minute.",
        ),
        click.Option(
            ["--groups-limit", "okta_groups_limit"],
            default=500,
            show_default=True,
            help="Okta's limit of group requests in a minute.",
        ),
        fault_option(
            "--fault", "okta_faults", "the Okta API", "`reset,after=3` or `server-error,times=2`"
        ),
    ),
    make=_make,
    describe=_describe,
)
