from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import pytest

from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.simulator.okta.server import TOKEN
from opensense_okta.storage.lake import Lake

Write = Callable[..., Organization]


@pytest.fixture(scope="session", autouse=True)
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One certificate is trusted: nothing is read over TLS, and to load all takes 30 ms for each read."""
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(first + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the repository."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: nothing recorded to compare with")
    return folder


@pytest.fixture
def organization(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the file of the organization acme, whose one directory okta is at a URL, and loads it."""

    def write(url: str, *, token: str = TOKEN, timezone: str = "UTC") -> Organization:
        monkeypatch.setenv("ACME_OKTA_API_TOKEN", token)
        path = tmp_path / "organizations" / "acme.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"""\
timezone: {timezone}
first_day: 2026-11-01
directories:
  okta:
    kind: okta
    endpoint: {url}
    api_token: {{env: ACME_OKTA_API_TOKEN}}
    rate_limit_share: 1.0
    memberships: full
"""
        )
        return load_organization(path)

    return write


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", "acme")
