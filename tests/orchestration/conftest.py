from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.company import DAY, Beginning, Company, Run, a_company
from tests.support.postgres import Postgres, postgres_server

YESTERDAY = DAY - timedelta(days=1)


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path / "data") as company:
        yield company


@pytest.fixture(scope="session")
def first_sync(tmp_path_factory: pytest.TempPathFactory) -> Beginning:
    """The day is synced."""
    return Beginning.of(tmp_path_factory.mktemp("synced"), lambda company: company.run())


@pytest.fixture
def synced_acme(first_sync: Beginning, tmp_path: Path) -> Iterator[Company]:
    """acme after its first sync; what became of the run is not in its instance."""
    with first_sync.copy(tmp_path / "data") as company:
        yield company


@pytest.fixture(scope="session")
def small_yesterday(tmp_path_factory: pytest.TempPathFactory) -> Beginning:
    """A snapshot of yesterday with one person is resolved and published."""

    def run(company: Company) -> Run:
        company.keep(YESTERDAY)
        return company.run("resolve", day=YESTERDAY)

    return Beginning.of(tmp_path_factory.mktemp("yesterday"), run)


@pytest.fixture
def acme_of_yesterday(small_yesterday: Beginning, tmp_path: Path) -> Iterator[Company]:
    """acme, whose published directory is yesterday's and has one person."""
    with small_yesterday.copy(tmp_path / "data") as company:
        yield company


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server
