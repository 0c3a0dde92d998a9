"""Files as people reported them in public, each for a kind of file."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.directories.csv.checks import CHECKS
from tests.directories.csv.test_csv_reader import Read, failure, read

CASES = Path(__file__).parent / "cases"
NUMBER: dict[str, Any] = {"id": "employee_number"}

Write = Callable[..., Path]


def values(found: Read, attribute: str) -> dict[str, str]:
    """One attribute by id."""
    return {name: profile[attribute] for name, profile in found.profiles.items()}


def warnings(found: Read) -> dict[str, str]:
    """The messages of the checks of files that did not pass."""
    numbers = {**found.evidence, "stale_after_days": 99_999, "users_before": 0, "scope_changed": 0}
    results = [
        check.run({**numbers, "rows": 1, "set_aside": 0}, before="none yet", directory="hr")
        for check in CHECKS
    ]
    return {result.name: result.message for result in results if not result.passed}


@pytest.mark.parametrize("end", ["\r\n", "\n", "mixed"])
def test_blanks_outside_of_quotes_are_dropped_whatever_the_line_ends(
    end: str, write: Write
) -> None:
    text = (CASES / "mixsp.csv").read_bytes().decode()
    if end != "mixed":
        text = text.replace("\r\n", "\n").replace("\n", end)

    found = read(write(text), **NUMBER)

    assert len(found.profiles) == 7
    assert found.profiles["1001"] == {
        "employee_number": "1001",
        "given_name": "Anna",
        "family_name": "Test0",
        "email": "p0@x.example",
        "title": "Engineer",
    }
    assert values(found, "given_name")["1099"] == "Zed"


def test_blanks_outside_of_quotes_are_dropped_in_several_files(
    tmp_path: Path, write: Write
) -> None:
    write('id, a\r\n1, "x"\r\n2,"y" \r\n', "east.csv")
    write('id, a\n3, "z\r\nz" \n "4" ,"" \n5\u00a0,\u00a0"w"\n', "west.csv")

    found = read(tmp_path / "*.csv", attributes={"title": "a"})

    assert values(found, "a") == {"1": "x", "2": "y", "3": "z\r\nz", "5": "w"}
    assert found.evidence["rows_id_only_line"] == 4


def test_blanks_in_cells_without_quotes_are_kept(write: Write) -> None:
    found = read(CASES / "spmail.csv", **NUMBER)

    assert values(found, "title") == {"1001": " Engineer", "1002": " Analyst"}
    assert set(found.profiles) == {"1001", "1002"}
    assert found.evidence["emails_malformed"] == 0
    assert values(read(write('id\ta\n1\t "x" \n')), "a") == {"1": "x"}


@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1", "cp850", "mac-roman", "cp437"])
def test_utf8_that_is_configured_otherwise_is_refused(encoding: str, write: Write) -> None:
    error = failure(CASES / "moji.csv", encoding=encoding, **NUMBER)

    assert f"moji.csv, line 2: the file is UTF-8, but `encoding` is {encoding}" in str(error)
    assert "Set `encoding: utf-8`" in error.remedy
    assert "line 3: the file is UTF-8" in str(
        failure(write("id,a\n1,x\n2,Á\n".encode()), encoding=encoding)
    )


def test_a_file_in_the_configured_encoding_is_read_as_before(write: Write) -> None:
    text = (CASES / "moji.csv").read_text(encoding="utf-8")

    found = read(write(text.encode("cp1252")), encoding="windows-1252", **NUMBER)

    assert values(found, "given_name")["1001"] == "Jürgen"
    assert read(write("id,a\n1,x\n"), encoding="windows-1252").profiles == {
        "1": {"id": "1", "a": "x"}
    }


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("id,a\n1,x\n2,y\u0096z\n".encode(), None),
        ("id,a\n1,x\n2,“y” z…\n".encode("cp1252"), "latin-1"),
        ("id,a\n1,x\n2,y\u0085z\n".encode("utf-16"), None),
        (b"id,a\n1," + b"x" * ((1 << 20) - 8) + b"\n2," + b"y" * 5 + b"\n2,\xc2\x80\n", None),
    ],
)
def test_control_characters_of_another_encoding_are_refused(
    content: bytes, encoding: str | None, write: Write
) -> None:
    error = failure(write(content), encoding=encoding)

    assert "control characters (U+0080 to U+009F)" in str(error)
    assert "people.csv, line " in str(error)
    assert not error.transient


def test_a_header_that_comes_again_is_an_error_with_its_line() -> None:
    error = failure(CASES / "hdragain.csv", **NUMBER)

    assert "hdragain.csv, line 9: the header comes again." in str(error)
    assert not error.transient


def test_a_row_with_nothing_but_an_id_is_set_aside_and_named(write: Write) -> None:
    lines = (CASES / "hdragain.csv").read_text(encoding="utf-8").splitlines(keepends=True)

    found = read(write("".join(lines[:8] + lines[9:])), **NUMBER)

    assert len(found.profiles) == 15
    assert found.evidence["users"] == found.evidence["rows_read"] == 15
    assert warnings(found) == {
        "rows_filled": "1 rows have nothing but an id and were set aside. The first (0: none): file 1,"
        " line 17."
    }


@pytest.mark.parametrize(
    "row", ["Total: 1,,", '"Total, all: 1",,', '"Total","",""', "Total , ,\u00a0"]
)
def test_a_row_with_nothing_but_an_id_may_be_written_in_any_way(row: str, write: Write) -> None:
    found = read(write(f"id,a,b\n1,x,y\n{row}\n2,,y\n"))

    assert set(found.profiles) == {"1", "2"}
    assert (found.evidence["rows_id_only"], found.evidence["rows_id_only_line"]) == (1, 3)


def test_a_file_of_ids_alone_is_read_and_one_without_anything_else_is_not(write: Write) -> None:
    assert set(read(write("id\n1\n2\n")).profiles) == {"1", "2"}
    assert "has no row with anything but an id" in str(failure(write("id,a,b\n1,,\n2,,\n")))


def test_a_line_that_is_one_quoted_cell_is_explained(write: Write) -> None:
    error = failure(CASES / "wholeline.csv", **NUMBER)

    assert "wholeline.csv, line 1: the whole line is one quoted cell" in str(error)
    assert "line 2: the whole line is one quoted cell" in str(
        failure(write('id,a\n"1,x"\n"2,y"\n'))
    )
    assert "line 2: the whole line is one quoted cell" in str(failure(write('id,a\n"1,x"\n')))


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_first_line_may_name_the_delimiter(first: str, write: Write) -> None:
    found = read(write(f"{first}\nid;a,b,c\n1;x,y\n"))

    assert found.profiles == {"1": {"id": "1", "a,b,c": "x,y"}}
    assert "line 4: the row has 3 columns" in str(failure(write(f"{first}\nid;a\n1;x\n2;x;z\n")))


@pytest.mark.parametrize("blank", ["   ", "\t", "\u00a0", " \r"])
def test_a_line_of_blanks_is_skipped_like_an_empty_one(blank: str, write: Write) -> None:
    text = (CASES / "ws_lines_mid.csv").read_text(encoding="utf-8")

    assert set(read(CASES / "ws_lines_mid.csv", **NUMBER).profiles) == {"1001", "1002"}
    found = read(write(text.replace("   ", blank) + blank), **NUMBER)
    assert set(found.profiles) == {"1001", "1002"}
    assert set(read(write(f"id\n1\n{blank}\n2\n")).profiles) == {"1", "2"}


def test_one_more_empty_cell_at_the_end_of_every_row_is_accepted(write: Write) -> None:
    found = read(CASES / "trailing_delim_rows.csv", **NUMBER)

    assert found.profiles["1002"] == {
        "employee_number": "1002",
        "given_name": "Bo",
        "email": "bo@x.example",
        "title": "Analyst",
    }
    assert set(read(write('id,a\n\n1,x,\n2,y,""\n3,z, \n')).profiles) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            "1,x,\n2,y\n3,z,\n",
            "line 3: some rows end with one more delimiter than the header, others do not",
        ),
        (
            "1,x\n2,y,\n3,z\n",
            "line 3: some rows end with one more delimiter than the header, others do not",
        ),
        ("1,x,\n2,y,z\n3,z,\n", "line 3: the row has 3 columns where the header has 2"),
        ("1,x,\n2,y,,\n3,z,\n", "line 3: the row has 4 columns where the header has 2"),
    ],
)
def test_one_more_empty_cell_in_some_rows_is_refused(rows: str, words: str, write: Write) -> None:
    assert words in str(failure(write("id,a\n" + rows)))


def test_texts_in_formulas_are_texts(write: Write) -> None:
    found = read(CASES / "exceltext.csv", **NUMBER)

    assert values(found, "title") == {"001001": "Engineer", "001002": "Analyst", "001003": "Clerk"}
    assert values(read(write('id,a\n"=""007""","=""say """"x"""""""\n')), "a") == {"007": 'say "x"'}
    assert values(read(write('id,a\n1,=1+1\n2,="a"&"b"\n')), "a") == {"1": "=1+1", "2": '="a"&"b"'}


def test_errors_of_spreadsheets_are_blank_and_scientific_numbers_are_warned_of(
    write: Write,
) -> None:
    found = read(CASES / "xlerr.csv", **NUMBER)

    assert values(found, "title") == {"1001": "", "1002": "", "1003": "NULL"}
    assert values(found, "mobile_phone") == {"1001": "4.91701E+11", "1002": "", "1003": "0"}
    assert warnings(found) == {
        "cells_without_errors": "3 cells hold a spreadsheet's error, such as #N/A, and were read as blank."
        " The first (0: none): file 1, line 2, column 5.",
        "numbers_whole": "1 ids or phone numbers are in scientific notation, such as 4.9E+11. The first"
        " (0: none): file 1, line 2, column 6.",
    }
    other = read(write("id,a\n4.9E+11,1.0E+3\n2,#1 of all\n3,#WIN\n4,#BEZUG!\n5,Err:502\n"))
    assert (other.evidence["cells_scientific"], other.evidence["cells_error"]) == (1, 2)
    assert values(other, "a")["4.9E+11"] == "1.0E+3"


def test_an_error_of_a_spreadsheet_as_id_is_a_blank_id(write: Write) -> None:
    assert "line 3: the column `id` is blank" in str(failure(write("id,a\n1,x\n#REF!,y\n")))


def test_hidden_and_lock_files_are_no_match(tmp_path: Path) -> None:
    shutil.copytree(CASES / "hidden_file", tmp_path / "hr")
    for name in ("._people.csv", ".people.csv", ".~lock.people.csv"):
        (tmp_path / "hr" / name).write_bytes(b"\0\0")
    (tmp_path / ".old").mkdir()
    shutil.copy(tmp_path / "hr" / "people.csv", tmp_path / ".old")

    assert set(read(tmp_path / "hr" / "*.csv", **NUMBER).profiles) == {"1001"}
    assert set(read(tmp_path / "*" / "*.csv", **NUMBER).profiles) == {"1001"}
    assert set(read(tmp_path / ".old" / "*.csv", **NUMBER).profiles) == {"1001"}
    assert set(read(tmp_path / ".o*" / "*.csv", **NUMBER).profiles) == {"1001"}
    (tmp_path / "hr" / "people.csv").unlink()
    assert "No file matches" in str(failure(tmp_path / "hr" / "*.csv", **NUMBER))


def test_exports_of_several_days_under_one_pattern_are_explained(
    tmp_path: Path, write: Write
) -> None:
    for day in ("22", "23"):
        write("id,a\n1,x\n2,y\n", f"people-2026-11-{day}.csv")

    error = failure(tmp_path / "people-*.csv")

    assert "people-2026-11-22.csv, line 2; " in str(error)
    assert "people-2026-11-23.csv, line 2: the column `id` has the same value." in str(error)
    assert "Several files hold the same ids; number of ids: 2." in str(error)
    assert "If they are exports of several days, read only the newest" in error.remedy


@pytest.mark.parametrize(
    "spelling", ["Job\u00a0Title", "JOB  TITLE", " job title ", "\uff2aob Title"]
)
def test_headers_are_compared_without_white_space_case_and_unicode_form(
    spelling: str, write: Write
) -> None:
    keys: dict[str, Any] = {**NUMBER, "attributes": {"title": "Job Title"}}
    assert values(read(CASES / "nbsp_header.csv", **keys), "Job Title") == {"1001": "Engineer"}

    found = read(write(f"Employee_Number,{spelling}\n1,x\n"), **keys)

    assert found.profiles == {"1": {"employee_number": "1", "Job Title": "x"}}
    assert read(write("ID,EMail\n1,x\n")).profiles == {"1": {"id": "1", "email": "x"}}
    composed, decomposed = "Größe", "Gro\u0308ße"
    assert read(write(f"id,{decomposed}\n1,x\n"), attributes={"badge": composed}).profiles == {
        "1": {"id": "1", composed: "x"}
    }


def test_two_columns_that_a_name_could_mean_are_refused(write: Write) -> None:
    keys: dict[str, Any] = {"attributes": {"title": "Job Title"}}

    assert "the columns 2 and 3 are both named `Job Title`" in str(
        failure(write("id,job title,Job\u00a0Title\n1,x,y\n"), **keys)
    )
    found = read(write("id,Jo\u0308b,Jöb\n1,x,y\n"), attributes={"title": "Jöb"})
    assert found.profiles["1"]["Jöb"] == "y"


@pytest.mark.parametrize("size", [131_073, 3_000_000, 20_000_000])
def test_a_cell_may_be_of_any_length(size: int, write: Write) -> None:
    photo = "+/=a" * (size // 4) + "z"

    assert values(read(write(f'id,a\n1,{photo}\n2,"{photo}"\n3,x\n')), "a")["2"] == photo
    assert "people.csv, lines 2, 4: the column `id` has the same value" in str(
        failure(write(f"id,a\n1,{photo}\n2,y\n1,x\n"))
    )
