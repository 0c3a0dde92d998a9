import pickle
import ssl
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra import server as entra_server
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from tests.support.simulators import LogIn, Read

DAY = date(2026, 11, 23)


@pytest.fixture(scope="session")
def pickled_org() -> bytes:
    """An org. Loading it takes a tenth of the time of creating it."""
    return pickle.dumps(Org.create(users=130, groups=24, memberships=500, day=DAY))


@pytest.fixture
def org(pickled_org: bytes) -> Org:
    org = pickle.loads(pickled_org)  # noqa: S301 - written by this module
    assert isinstance(org, Org)
    return org


@pytest.fixture
def tenant(org: Org) -> Tenant:
    return Tenant(org)


@pytest.fixture
def okta(org: Org) -> Iterator[Simulator]:
    with running(Simulator(org)) as simulator:
        yield simulator


@pytest.fixture
def api(okta: Simulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"SSWS {TOKEN}"}
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # spares loading certificates every time
    with httpx.Client(base_url=okta.url, headers=headers, verify=no_tls) as client:
        yield client


@pytest.fixture
def read(api: httpx.Client) -> Read:
    """Reads all pages of a listing."""

    def read_all(url: str) -> list[Any]:
        rows: list[Any] = []
        while url:
            response = api.get(url).raise_for_status()
            rows += response.json()
            url = response.links.get("next", {}).get("url", "")
        return rows

    return read_all


@pytest.fixture
def entra(tenant: Tenant) -> Iterator[entra_server.Simulator]:
    with running(entra_server.Simulator(tenant)) as simulator:
        yield simulator


@pytest.fixture
def anonymous(entra: entra_server.Simulator) -> Iterator[httpx.Client]:
    """A client without an access token."""
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(base_url=entra.url, verify=no_tls) as client:
        yield client


@pytest.fixture
def log_in(anonymous: httpx.Client, entra: entra_server.Simulator) -> LogIn:
    """Requests an access token; the value None removes a field from the request."""

    def ask(tenant_id: str = TENANT_ID, **fields: str | None) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": f"{entra.url}/.default",
            **fields,
        }
        data = {name: value for name, value in form.items() if value is not None}
        return anonymous.post(f"/{tenant_id}/oauth2/v2.0/token", data=data)

    return ask


@pytest.fixture
def graph(anonymous: httpx.Client, log_in: LogIn) -> httpx.Client:
    """A client with an access token."""
    token = log_in().json()["access_token"]
    anonymous.headers["Authorization"] = f"Bearer {token}"
    return anonymous


@pytest.fixture
def read_graph(graph: httpx.Client) -> Read:
    """Reads all pages of a listing of Graph."""

    def read_all(url: str) -> list[Any]:
        rows: list[Any] = []
        while url:
            page = graph.get(url).raise_for_status().json()
            rows += page["value"]
            url = page.get("@odata.nextLink", "")
        return rows

    return read_all
