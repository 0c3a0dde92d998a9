"""Files of the same kinds as the reported ones (`test_csv_cases.py`), written in other ways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.directories.csv.test_csv_cases import values, warnings
from tests.directories.csv.test_csv_reader import failure, read

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("header", "again", "keys"),
    [
        ("id,a", "\ufeffid,a", {}),
        ("id,a", '"id" , "A"', {}),
        ("Personnel No,a", "Personnel\u00a0No,a", {"id": "personnel no"}),
        ("a,id,b", "a,id,b", {}),
        ("id", "ID", {}),
    ],
)
def test_the_header_of_an_appended_file_is_refused(
    header: str, again: str, keys: dict[str, Any], write: Write
) -> None:
    width = header.count(",")

    error = failure(write(f"{header}\n1{',x' * width}\n{again}\n2{',y' * width}\n"), **keys)

    assert "people.csv, line 3: the header comes again." in str(error)


def test_a_person_whose_id_is_the_name_of_its_column_is_read(write: Write) -> None:
    assert set(read(write("user,a\nUser,Smith\nada,x\n"), id="user").profiles) == {"User", "ada"}


def test_the_byte_order_mark_of_an_appended_file_belongs_to_no_id(write: Write) -> None:
    assert set(read(write("id,a\n1,x\n\ufeff2,y\n")).profiles) == {"1", "2"}
    assert "lines 2, 3: the column `id` has the same value" in str(
        failure(write("id,a\n1,x\n1\u200b,y\n"))
    )


@pytest.mark.parametrize("row", ["Total,#REF!,", 'Total,="",', "Total,#N/A,#N/A"])
def test_a_row_of_an_id_and_errors_is_set_aside(row: str, write: Write) -> None:
    found = read(write(f"id,a,b\n1,x,y\n{row}\n2,#N/A,z\n"))

    assert set(found.profiles) == {"1", "2"}
    assert "file 1, line 3" in warnings(found)["rows_filled"]


@pytest.mark.parametrize(
    "cell", ["#\u041d/\u0414", "#\u0417\u041d\u0410\u0427!", "#I/T", "#N/V", "########", "#SPILL!"]
)
def test_errors_of_any_language_are_blank(cell: str, write: Write) -> None:
    found = read(write(f"id,a,b\n1,{cell},x\n2,y,x\n"))

    assert values(found, "a") == {"1": "", "2": "y"}
    assert found.evidence["cells_error"] == 1


@pytest.mark.parametrize("cell", ["#1", "# A", "#", "##", "#Sales", "A/B", "E/D"])
def test_other_texts_are_no_errors(cell: str, write: Write) -> None:
    found = read(write(f"id,a,b\n1,{cell},#N/A\n"))

    assert values(found, "a") == {"1": cell}


def test_a_small_e_is_scientific_notation_too(write: Write) -> None:
    assert "file 1, line 2, column 1" in warnings(read(write("id,a\n1e+05,x\n")))["numbers_whole"]


def test_a_header_may_be_texts_in_formulas(write: Write) -> None:
    found = read(write('="id";="Job ""Title"""\n="01";="x"\n'))

    assert found.profiles == {"01": {"id": "01", 'Job "Title"': "x"}}


def test_invisible_characters_in_a_header_do_not_count(write: Write) -> None:
    found = read(write("id,\u200etitle,Job\u00ad Role\n1,x,y\n"), attributes={"badge": "Job Role"})

    assert found.profiles == {"1": {"id": "1", "title": "x", "Job Role": "y"}}


def test_only_the_header_may_end_with_a_delimiter(write: Write) -> None:
    assert read(write('id,a,\n1,x\n2,"y"\n')).profiles == {
        "1": {"id": "1", "a": "x"},
        "2": {"id": "2", "a": "y"},
    }
    assert "line 3: the row has 3 columns" in str(failure(write("id,a,\n1,x\n2,y,z\n3,x\n")))


def test_a_last_row_without_the_delimiter_of_the_others_is_explained(write: Write) -> None:
    assert "line 3: some rows end with one more delimiter" in str(
        failure(write("id,a\n1,x,\n2,y\n"))
    )
    assert "line 3: the last row has 2 of 3 columns" in str(failure(write("id,a\n1,x,\n2,y")))


def test_files_of_one_pattern_may_end_their_rows_differently(tmp_path: Path, write: Write) -> None:
    write("id,a\n1,x,\n2,y,\n", "east.csv")
    write("id,a\n3,z\n", "west.csv")

    assert values(read(tmp_path / "*.csv"), "a") == {"1": "x", "2": "y", "3": "z"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<table><tr><td>id</td></tr></table>", "is a web page, not CSV"),
        ('[{"id": "1"}]', "is JSON, not CSV"),
        ('{"users": []}', "is JSON, not CSV"),
    ],
)
def test_other_formats_of_exports_are_named(content: str, words: str, write: Write) -> None:
    assert words in str(failure(write(content)))
