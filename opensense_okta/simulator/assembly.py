"""The simulators that the command's options describe; what is wrong with an option is said so."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from opensense_okta.simulator.company.hr import write_hr_file
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra import faults as entra_faults_of
from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.server import APP, CLIENT_ID, CLIENT_SECRET
from opensense_okta.simulator.entra.server import Simulator as EntraSimulator
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.okta import faults as okta_faults
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.oauth import Client
from opensense_okta.simulator.okta.server import Simulator


def okta_simulator(
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
) -> Simulator:
    """The Okta org of a company.

    Raises:
        click.UsageError: An option's value is no good.
    """
    today = (day or datetime.now(UTC)).date()
    org = Org.create(seed, users, groups, memberships, since.date() if since else today)
    org.advance(today)
    return Simulator(
        org,
        tokens=tokens,
        clients=_clients(client_id, public_key),
        limits=Limits(users=users_limit, groups=groups_limit),
        faults=[_fault(text, okta_faults.make_fault, "--fault") for text in faults],
        latency=latency_ms / 1000,
    )


def entra_simulator(
    okta: Simulator, entra_certificate: Path | None, entra_faults: tuple[str, ...]
) -> EntraSimulator:
    """The Entra tenant of the same company, as slow as its Okta org.

    Raises:
        click.UsageError: An option's value is no good.
    """
    make_fault = entra_faults_of.make_fault
    return EntraSimulator(
        Tenant.of(okta.org),
        apps=[_app(entra_certificate) if entra_certificate else APP],
        faults=[_fault(text, make_fault, "--entra-fault") for text in entra_faults],
        latency=okta.latency,
    )


def keep_hr_file(okta: Simulator, path: Path) -> None:
    """Write the HR file of the same company now, and again after each day that passes.

    Raises:
        click.UsageError: It cannot be written there.
    """
    try:
        write_hr_file(okta.org, path)
    except OSError as problem:
        raise click.UsageError(f"--hr-file {path}: {problem.strerror}") from None
    okta.org.day_passed.append(lambda: write_hr_file(okta.org, path))


def _app(certificate: Path) -> App:
    try:
        return App(CLIENT_ID, (CLIENT_SECRET,), certificates=(certificate.read_text("utf-8"),))
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"--entra-certificate {certificate}: {problem}") from None


def _clients(client_id: str | None, public_key: Path | None) -> list[Client]:
    if not client_id and not public_key:
        return []
    if not client_id or not public_key:
        raise click.UsageError("--client-id and --public-key belong together.")
    try:
        text = public_key.read_text(encoding="utf-8")
        return [Client(client_id, (json.loads(text) if text.lstrip()[:1] == "{" else text,))]
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"--public-key {public_key}: {problem}") from None


def _fault(text: str, make_fault: Callable[..., Fault], option: str) -> Fault:
    """The fault that `name,key=value` describes; a value is JSON, or else plain text."""
    name, *pairs = text.split(",")
    options = {key: _value(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    try:
        return make_fault(name, **options)
    except ValueError as problem:
        raise click.UsageError(f"{option}: {problem}") from None


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
