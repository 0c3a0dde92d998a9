"""What a program wrote by its rules of CSV is read as it was written."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.directories.errors import DirectoryError
from tests.directories.csv.test_csv_reader import NO_TEXT, read

Table = list[list[str]]
Writer = Callable[[Table, str, str], str]

HEADER = ["id", "a", "b", "c", "full"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NO_TEXT)) | st.text(
    "\",;\t|\r\n '\u00a0\u2028äx"
)
NUMBERS = st.sampled_from(["1", "-2.5", "007", "1e5", "NULL", " x ", '"', '""', ' "x" ', 'x"y'])
# Neither errors nor texts in formulas, which are read otherwise on purpose.
CELLS = (TEXTS | NUMBERS).filter(lambda text: text.lstrip()[:1] not in {"#", "=", "E"})
TABLES = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8)
DELIMITERS = st.sampled_from(",;\t|")
LINE_ENDS = st.sampled_from(["\r\n", "\n"])


def by_python(quoting: int) -> Writer:
    """Python's `csv.writer`. With LF as line end, QUOTE_MINIMAL does not quote a cell with CR: a bug."""

    def write(table: Table, delimiter: str, line_end: str) -> str:
        text = io.StringIO()
        if quoting == csv.QUOTE_MINIMAL:
            line_end = "\r\n"
        writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]  # an int of the module
        writer.writerows(table)
        return text.getvalue()

    return write


def by_excel(table: Table, delimiter: str, line_end: str) -> str:
    """Excel quotes a cell that has the delimiter, a quotation mark or a line break; the latter are LF."""
    return _written(table, delimiter, line_end, needs=f'{delimiter}"\r\n')


def by_libreoffice(table: Table, delimiter: str, line_end: str) -> str:
    """LibreOffice, with *Quote all text cells*, leaves only numbers without quotes."""
    rows = [
        [cell if cell.isdecimal() else '"' + cell.replace('"', '""') + '"' for cell in row]
        for row in table
    ]
    return "".join(delimiter.join(row) + line_end for row in rows)


def _written(table: Table, delimiter: str, line_end: str, *, needs: str) -> str:
    rows = [
        [
            '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in needs) else cell
            for cell in row
        ]
        for row in table
    ]
    return "".join(delimiter.join(row) + line_end for row in rows)


WRITERS: dict[str, Writer] = {
    "Python, QUOTE_MINIMAL": by_python(csv.QUOTE_MINIMAL),
    "Python, QUOTE_ALL": by_python(csv.QUOTE_ALL),
    "Excel": by_excel,
    "LibreOffice": by_libreoffice,
}


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=12, deadline=None)
@given(table=TABLES, delimiter=DELIMITERS, line_end=LINE_ENDS, mark=st.sampled_from(["", "\ufeff"]))
def test_a_table_is_read_as_it_was_written(
    writer: str, table: Table, delimiter: str, line_end: str, mark: str
) -> None:
    rows = [[str(number), *cells, "x"] for number, cells in enumerate(table)]

    profiles = _read(mark + WRITERS[writer]([HEADER, *rows], delimiter, line_end))

    assert [list(profiles[row[0]].values()) for row in rows] == rows


@settings(max_examples=12, deadline=None)
@given(
    table=TABLES,
    delimiter=DELIMITERS,
    ends=st.lists(st.sampled_from(["\r\n", "\n", "\r", "\n\n", "\r \r\n"]), min_size=9, max_size=9),
    blanks=st.lists(st.sampled_from(["", " ", "  ", "\u00a0"]), min_size=2, max_size=2),
)
def test_blanks_around_quotes_and_any_line_ends_change_nothing(
    table: Table, delimiter: str, ends: list[str], blanks: list[str]
) -> None:
    rows = [[str(number), *cells, "x"] for number, cells in enumerate(table)]
    lines = [
        delimiter.join(blanks[0] + '"' + cell.replace('"', '""') + '"' + blanks[1] for cell in row)
        for row in [HEADER, *rows]
    ]

    profiles = _read("".join(line + end for line, end in zip(lines, ends, strict=False)))

    assert [list(profiles[row[0]].values()) for row in rows] == rows


@settings(max_examples=12, deadline=None)
@given(table=TABLES, ends=st.sampled_from(["\r\n", "\n", "\r"]), position=st.integers(0, 7))
def test_the_line_of_a_wrong_row_is_that_of_a_text_editor(
    table: Table, ends: str, position: int
) -> None:
    rows = [by_excel([[str(number), *row, "x"]], ",", ends) for number, row in enumerate(table)]
    above = "".join([",".join(HEADER) + ends, *rows[:position]])
    text = above + ",no id,,,x" + ends + "".join(rows[position:])

    error = _failure(text)

    line = 1 + above.count("\n") + above.count("\r") - above.count("\r\n")
    assert f"people.csv, line {line}: the column `id` is blank" in error


def _read(text: str) -> dict[str, dict[str, str]]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        path.write_bytes(text.encode())
        return read(path).profiles


def _failure(text: str) -> str:
    with pytest.raises(DirectoryError) as caught:
        _read(text)
    return str(caught.value)
