"""The benchmarks of resolving, of the pages and of many organizations run, in their smallest size."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from benchmarks.figures import (
    FLOOR,
    FULL,
    Before,
    Cost,
    Reading,
    Row,
    change,
    goals,
    read_release,
    write_release,
)
from benchmarks.rows import differences

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
    command = [sys.executable, "-m", "benchmarks.bench", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=300)
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in (tmp_path / "results.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| 1,000 ")
    ]
    requests = {row[2]: int(row[3]) for row in rows if len(row) > 10}
    assert set(requests) == {"floor", "naive script", "full sync", "incremental sync"}
    assert requests["incremental sync"] < requests["full sync"] / 2


def row(what: str, cpu: tuple[float, ...], floor: tuple[float, ...] = (1.0, 1.02)) -> Row:
    runs = [(Cost(50, 7.0, seconds, 100.0), Reading(0.55, 1.0)) for seconds in cpu]
    return Row("10k", 100, what, runs, [Cost(50, 7.0, seconds, 100.0) for seconds in floor])


def test_a_difference_within_the_noise_of_both_runs_is_no_difference() -> None:
    before = Before(ratio=5.0, noise=0.03)
    assert (
        change(row(FULL, (5.2,)), before) == "no difference beyond noise"
    )  # 4 %; 2 % and 3 % noise
    assert change(row(FULL, (5.4,)), before) == "+8%"
    assert change(row(FULL, (2.5,)), before) == "-50%"
    assert change(row(FULL, (5.2, 5.4, 5.8)), before) == "no difference beyond noise"


def test_a_goal_says_whether_it_is_met(tmp_path: Path) -> None:
    met = row(FULL, (5.0,))  # 50 requests of 100 ms on ten connections: 0.5 s
    assert goals([met]).endswith("| 1.1 | 1.10 | yes |")
    slow = replace(met, runs=[(Cost(40, 7.0, 5.0, 100.0), Reading(0.55, 1.0))])
    assert goals([slow]).endswith("| 1.1 | 1.38 | no |")
    assert not goals([replace(met, size="1k")])

    write_release(tmp_path / "release.json", "0.3.0", [met, row(FLOOR, (1.0,))])
    release, before = read_release(tmp_path / "release.json")
    assert (release, before[met.key].ratio) == ("0.3.0", 5.0)


def published(path: Path, person: str, title: str | None) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""
            create table accounts as
            select 'okta' as directory, '00u1' as id, '{person}' as person_id;
            create table people as
            select '{person}' as person_id, $title as title, [{{'a': 1}}] as custom;
            create table syncs as select '{path.name}' as run_id, 'full' as mode;
            create schema okta;
            create table okta.memberships as select 'g' as group_id, '00u1' as user_id
            """.replace("$title", f"'{title}'" if title else "null::varchar")
        )
    return path


def test_the_comparison_of_rows_names_a_changed_row(tmp_path: Path) -> None:
    before = published(tmp_path / "before.duckdb", "p1", None)
    assert differences(before, published(tmp_path / "equal.duckdb", "p2", None)) == []
    assert differences(before, published(tmp_path / "changed.duckdb", "p2", "Chief")) == [
        "main.people: 1 rows are only in before, such as [(\"[{'a': 1}]\", 'okta/00u1', None)]",
        "main.people: 1 rows are only in after, such as [(\"[{'a': 1}]\", 'okta/00u1', 'Chief')]",
    ]
    with duckdb.connect(str(tmp_path / "equal.duckdb")) as connection:
        connection.execute("insert into okta.memberships from okta.memberships; drop table syncs")
    assert [line[:60] for line in differences(before, tmp_path / "equal.duckdb")] == [
        "main.syncs: the columns differ: ['mode'] and None",
        "okta.memberships: 1 rows are only in after, such as [('g', '00u1')]"[:60],
    ]


def test_the_benchmark_of_the_history_writes_its_results(tmp_path: Path) -> None:
    options = ["--days", "3", "--days", "30", "--people", "50", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.history", *options]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    results = (tmp_path / "history.md").read_text(encoding="utf-8")
    assert "\n| 3 | " in results
    assert "\n| 30 | " in results
