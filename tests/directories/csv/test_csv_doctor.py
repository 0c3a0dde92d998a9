"""What the doctor says of files."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.csv.doctor import examine


def examined(
    users: Path,
    stale_after_days: int = 3,
    **keys: Any,  # noqa: ANN401 - whatever the organization file may say
) -> dict[str, CheckResult]:
    """The findings, by name."""
    directory = CsvDirectory(kind="csv", users=str(users), **keys)
    return {finding.name: finding for finding in asyncio.run(examine(directory, stale_after_days))}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of a name."""

    def written(content: str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_text(content)
        return path

    return written


def test_all_is_well(write: Callable[..., Path]) -> None:
    path = write("id;email;Job Title;active;x\n1;a@x.org;Boss;yes;\n2;b@x.org;;no;\n")

    findings = examined(path, attributes={"title": "Job Title"})

    assert {name: finding.outcome for name, finding in findings.items()} == dict.fromkeys(
        ("files", "age", "header", "rows"), "passed"
    )
    assert findings["files"].message == f"{path}; {path.stat().st_size} bytes of users."
    assert (
        findings["header"].message
        == "5 columns, delimiter semicolon; attributes: email, title (Job Title), active."
    )
    assert findings["rows"].message == "2 users, 1 of them inactive."


def test_no_file(tmp_path: Path) -> None:
    findings = examined(tmp_path / "people.csv")

    assert list(findings) == ["files"]
    assert findings["files"].outcome == "error"
    assert "There is no file" in findings["files"].message


def test_a_header_that_lacks_a_mapped_column(write: Callable[..., Path]) -> None:
    findings = examined(write("id,Job Titel\n1,x\n"), attributes={"title": "Job Title"})

    assert findings["files"].outcome == "error"
    assert "the nearest is `Job Titel`" in findings["files"].message
    assert "`attributes.title`" in findings["files"].hint


def test_a_file_of_groups_that_is_not_there(write: Callable[..., Path], tmp_path: Path) -> None:
    findings = examined(write("id,title\n1,x\n"), groups=str(tmp_path / "groups.csv"))

    assert findings["files"].outcome == "error"
    assert "`groups`" in findings["files"].hint


def test_wrong_rows(write: Callable[..., Path]) -> None:
    findings = examined(write("id,title\n1,x\n1,y\n"))

    assert findings["header"].outcome == "passed"
    assert findings["rows"].outcome == "error"
    assert "lines 2, 3: the column `id` has the same value" in findings["rows"].message


def test_an_old_file(write: Callable[..., Path]) -> None:
    path = write("id,title\n1,x\n")
    os.utime(path, (0, 0))

    assert examined(path)["age"].outcome == "warning"
    assert examined(path)["age"].message.startswith("last written 1970-01-01 00:00 UTC, ")
    assert examined(path, stale_after_days=99_999)["age"].outcome == "passed"


def test_a_file_without_a_line_break_at_its_end(write: Callable[..., Path]) -> None:
    end = examined(write("id,title\n1,x"))["end"]

    assert end.outcome == "warning"
    assert "its last cell may be truncated" in end.message


def test_columns_that_nothing_is_made_of(write: Callable[..., Path]) -> None:
    assert examined(write("id,Job Title\n1,x\n"))["header"].outcome == "warning"


def test_columns_that_are_nearly_called_like_attributes(write: Callable[..., Path]) -> None:
    path = write("id,email,Cost Center,job title,Department\n1,a@x.org,7,Boss,IT\n")

    header = examined(path, attributes={"division": "Department"})["header"]

    assert header.outcome == "warning"
    assert header.message.endswith("though nearly called so: Cost Center (cost_center).")
    assert "`attributes: {title: COLUMN}`" in header.hint


def test_memberships_of_users_whom_no_file_lists(write: Callable[..., Path]) -> None:
    members = write("group_id,user_id\nSales,1\nSales,01\n", "members.csv")

    groups = examined(write("id,title\n1,x\n"), memberships=str(members))["groups"]

    assert groups.outcome == "warning"
    assert groups.message == (
        "1 groups, 2 memberships. 1 times a user or a group is named that no file lists."
    )
