"""The benchmarks of resolving, of the pages and of many organizations run, in their smallest size."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def test_the_benchmark_of_resolving_writes_its_results(tmp_path: Path) -> None:
    options = ["--size", "1k", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.resolution", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    results = (tmp_path / "resolution.md").read_text(encoding="utf-8")
    assert "| 3 x 1,000 | floor |" in results
    assert "| 3 x 1,000 | resolve |" in results


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_benchmark_of_the_pages_writes_its_results(tmp_path: Path) -> None:
    options = ["--size", "1k", "--requests", "20", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.pages", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=300)
    results = (tmp_path / "pages.md").read_text(encoding="utf-8")
    for request in ("overview", "organization", "person", "search"):
        assert f"| {request} |" in results
    assert "| the new day is shown after its publication |" in results
    assert "| 20 |" in results


@pytest.mark.slow
def test_the_benchmark_of_many_organizations_writes_its_results(tmp_path: Path) -> None:
    options = ["--count", "2", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.organizations", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    assert "\n| 2 | " in (tmp_path / "organizations.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_benchmark_of_a_sync_compares_full_and_incremental_reads(tmp_path: Path) -> None:
    options = ["--size", "1k", "--latency-ms", "0", "--no-limits", "--output", str(tmp_path)]
    command = [sys.executable, "benchmarks/bench.py", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=300)
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in (tmp_path / "results.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| 1,000 ")
    ]
    requests = {row[2]: int(row[3]) for row in rows}
    assert set(requests) == {"floor", "full sync", "incremental sync"}
    assert requests["incremental sync"] < requests["full sync"] / 2


def test_the_benchmark_of_the_history_writes_its_results(tmp_path: Path) -> None:
    options = ["--days", "3", "--days", "30", "--people", "50", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.history", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    results = (tmp_path / "history.md").read_text(encoding="utf-8")
    assert "\n| 3 | " in results
    assert "\n| 30 | " in results
