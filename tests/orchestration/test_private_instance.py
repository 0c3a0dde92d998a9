"""Dagster's own files are private, whichever of its processes writes them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from tests.support.dagster_servers import web_server
from tests.support.days import DAY
from tests.support.place import Place


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """The umask of most shells: others may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path, careless_umask: None) -> Iterator[Place]:  # noqa: ARG001  # before the files
    org = Org.create(users=20, groups=2, memberships=20, day=DAY)
    with running(Simulator(org)) as okta:
        yield Place(tmp_path, okta)


def exposed(place: Place) -> list[Path]:
    """The files in DAGSTER_HOME that others could read."""
    paths = [place.home, *sorted(place.home.rglob("*"))]
    return [path for path in paths if path.exists() and path.stat().st_mode & 0o077]


def test_each_process_that_loads_the_instance_writes_private_files(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(place.home))
    # As the daemon and the webserver: in a process that has not loaded the instance before.
    code = "import dagster as dg; dg.DagsterInstance.get().get_runs(limit=1)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    written = sorted(place.home.glob("*/*.db"))
    assert "runs.db" in [path.name for path in written]
    assert not [path for path in exposed(place) if path.parent.name in ("history", "schedules")]


@pytest.mark.slow
def test_the_webserver_writes_private_files_and_repairs_those_of_before(place: Place) -> None:
    old = place.home / "history" / "runs"
    old.mkdir(parents=True)
    (old / "a.db").touch()
    assert old / "a.db" in exposed(place)
    with web_server(place) as ui:
        assert ui.assets()
        assert (place.home / "history" / "runs.db").exists()
        assert exposed(place) == []
