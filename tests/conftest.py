import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import pytest

from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.simulator.okta.server import TOKEN
from opensense_okta.storage.lake import Lake
from tests.support.memory import lakes_in_memory

Write = Callable[..., Organization]

TESTS = Path(__file__).parent
SLOW_MODULES = frozenset(
    {
        "cli/test_approve.py",
        "cli/test_explain_command.py",
        "cli/test_forget_command.py",
        "cli/test_identities_in_words.py",
        "cli/test_imports.py",
        "cli/test_preview_command.py",
        "cli/test_sync_command.py",
        "directories/csv/test_csv_cases.py",
        "directories/csv/test_csv_files.py",
        "directories/csv/test_csv_odd_files.py",
        "directories/csv/test_csv_properties.py",
        "directories/csv/test_csv_reader.py",
        "directories/csv/test_csv_snapshots.py",
        "directories/csv/test_csv_stores.py",
        "directories/entra/test_entra_reader.py",
        "directories/entra/test_entra_simulated.py",
        "directories/entra/test_entra_snapshots.py",
        "directories/google/test_google_simulated.py",
        "directories/google/test_google_snapshots.py",
        "directories/http/test_oauth.py",
        "directories/http/test_rate_limit.py",
        "directories/okta/test_incremental.py",
        "directories/okta/test_okta_errors.py",
        "directories/okta/test_okta_faults.py",
        "directories/okta/test_okta_reader.py",
        "directories/okta/test_recordings.py",
        "directories/okta/test_scope.py",
        "directories/okta/test_token_errors.py",
        "directories/test_doctor.py",
        "directories/test_read.py",
        "directories/test_resume.py",
        "directories/test_segments.py",
        "orchestration/test_approve_job.py",
        "orchestration/test_assets.py",
        "orchestration/test_jobs.py",
        "orchestration/test_lost_lock.py",
        "orchestration/test_lock.py",
        "orchestration/test_midnight_runs.py",
        "orchestration/test_notifications.py",
        "orchestration/test_run_logs.py",
        "orchestration/test_run_process.py",
        "orchestration/test_selections.py",
        "orchestration/test_step_errors.py",
        "publishing/exports/test_export_overtaken.py",
        "publishing/exports/test_export_sftp.py",
        "publishing/exports/test_export_people.py",
        "publishing/exports/test_export_stores.py",
        "publishing/exports/test_exports.py",
        "publishing/guards/test_guards.py",
        "publishing/report/test_report.py",
        "publishing/explain/test_explain.py",
        "publishing/forget/test_forget.py",
        "publishing/test_copy_lake.py",
        "publishing/test_frames.py",
        "publishing/test_history.py",
        "publishing/test_judgement.py",
        "publishing/test_lost_publication.py",
        "publishing/test_publish.py",
        "publishing/test_retention.py",
        "publishing/test_several_publications_a_day.py",
        "resolution/test_cases.py",
        "resolution/test_changes.py",
        "resolution/test_kept_together.py",
        "resolution/test_people.py",
        "resolution/test_properties.py",
        "resolution/test_reported_people.py",
        "resolution/test_rule_advice.py",
        "resolution/test_value_selection.py",
        "storage/test_bucket.py",
        "storage/test_file_errors.py",
        "storage/test_opening.py",
        "web/pages/test_approving_runs.py",
        "web/pages/test_held_day.py",
        "web/pages/test_organization.py",
        "web/pages/test_organizations.py",
    }
)
"""Modules in which most tests sync, read, resolve or publish, or which take over three seconds in all.

`make check` leaves them out.
"""


sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type] # as Python marks what is not installed
"""httpcore looks for this package at each request, and pytest makes that 0.4 ms of CPU."""

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
ROOM = 4_000_000_000  # bytes


def pytest_configure() -> None:
    """Folders of tests are in memory where there is room: a commit of SQLite waits 20 ms for a disk."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


@pytest.hookimpl(tryfirst=True)  # before `-m "not slow"` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        module = item.path.relative_to(TESTS).as_posix()
        if module in SLOW_MODULES or module.startswith("e2e/"):
            item.add_marker(pytest.mark.slow)
    # Long modules first, so that no worker begins one when the others are done.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.parent.name != "e2e"))


@pytest.fixture(scope="module", params=["folder", "memory"])
def lakes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lakes are in folders, and again in object stores in memory."""
    if request.param == "folder":
        yield
        return
    with lakes_in_memory():
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """DuckDB has one thread: the workers of pytest use all CPUs already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_disk_sync() -> Iterator[None]:
    """Nothing waits for the disk: tests kill processes, never the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_dagster_storage() -> Iterator[None]:
    """Dagster's storage compiles a query once, in the tests that use Dagster."""
    if "dagster" not in sys.modules:
        yield
        return
    from tests.support.dagster_storage import kept_engines  # noqa: PLC0415 - it imports Dagster

    with kept_engines():
        yield


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
