import ssl
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.org import Org
from opensense_okta.simulator.server import TOKEN, Simulator, running

DAY = date(2026, 11, 23)

Read = Callable[[str], list[Any]]


@pytest.fixture
def org() -> Org:
    return Org.create(users=130, groups=24, memberships=500, day=DAY)


@pytest.fixture
def okta(org: Org) -> Iterator[Simulator]:
    with running(org) as simulator:
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


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the repository."""
    folder = Path(__file__).parents[3] / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder
