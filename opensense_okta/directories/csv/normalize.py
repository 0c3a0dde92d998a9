"""Copies a file to a private folder in the form that suits DuckDB, and refuses a wrong structure.

One pass over the bytes checks the whole structure: encoding, delimiter, quotes, width and line numbers. The
content of cells is checked in SQL (`parse.py`). The normalized file is UTF-8. Its first two columns are the
row's line number in the original file, and a mark for rows with at most one filled cell.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.files import File
from opensense_okta.directories.csv.rows import Grammar, Line, Rows, lines_of
from opensense_okta.directories.csv.text import Seen, decode

DELIMITERS = ",;\t|"
LONGEST_HEADER = 1 << 20  # characters; a longer line is not a header
ROWS_PER_WRITE = 2_000  # one write for each row takes twice the time
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
TEXT_FORMULA = re.compile(r'\s*="((?:[^"]|"")*)"\s*')
RESERVED = " "
"""First character of names that are not headers. No header has it, because white space is stripped."""


@dataclass(frozen=True)
class Header:
    """The first line of a file.

    Attributes:
        file: the file's name, for people.
        names: of the columns, without surrounding white space; RESERVED and the position if there is none.
        delimiter: between columns.
        is_quoted: whether the line begins with a quotation mark.
    """

    file: str
    names: tuple[str, ...]
    delimiter: str
    is_quoted: bool

    @property
    def named(self) -> list[str]:
        """The names of the columns that have one."""
        return [name for name in self.names if not name.startswith(RESERVED)]


@dataclass(frozen=True)
class NormalizedFile:
    """A private, normalized copy of one file.

    Attributes:
        path: of the copy.
        header: of the file, with its columns spelled as in the organization file.
        columns: of the copy, after the line and the mark.
        rows: how many there are; longest: characters of the longest one.
        ended: whether the file ends with a line end; otherwise its last cell may be truncated.
        suspicious: whether cells may be errors or numbers in scientific notation.
        size: bytes of the file; digest: their SHA-256.
        modified: when the file was last written; None if the file system does not report it.
    """

    path: Path
    header: Header
    columns: tuple[str, ...]
    rows: int
    longest: int
    ended: bool
    suspicious: bool
    size: int
    digest: str
    modified: datetime | None

    @property
    def name(self) -> str:
        """The name of the file, for people."""
        return self.header.file


def normalize(
    file: File,
    path: Path,
    delimiter: str | None,
    encoding: str | None,
    accept: Callable[[Header], Header],
) -> NormalizedFile:
    """Normalizes a file.

    Args:
        file: to be read.
        path: of the copy.
        delimiter: the configured one; None: detect it in the header.
        encoding: the configured one; None: UTF-8. A byte order mark has precedence.
        accept: refuses a header, or returns it with the column names to use.

    Raises:
        DirectoryError: the file cannot be read, changes during the read, or is not a CSV file.
    """
    stamp, seen = file.stamp(), Seen()
    lines = lines_of(file.name, decode(file, encoding, seen), seen)
    header = accept(_read_header(file.name, lines, delimiter))
    rows = Rows(
        file.name,
        lines,
        Grammar(header.delimiter),
        len(header.names),
        open_header=header.names[-1].startswith(RESERVED),
    )
    with path.open("w", encoding="utf-8", newline="") as target:
        try:
            written = _with_first_line(rows, header.delimiter)
            while block := "".join(islice(written, ROWS_PER_WRITE)):
                target.write(block)
        except UnicodeEncodeError:  # half of a surrogate pair, which some encodings can contain
            raise csv_errors.undecodable(file.name, seen.lines, "Unicode") from None
    if file.stamp() != stamp or seen.size < (stamp.size or 0):
        raise csv_errors.changed(file.name)
    return NormalizedFile(
        path=path,
        header=header,
        columns=header.names[: rows.columns],
        rows=rows.count,
        longest=rows.longest,
        ended=seen.ended,
        suspicious=seen.suspicious,
        size=seen.size,
        digest=seen.sha256.hexdigest(),
        modified=stamp.modified,
    )


def name_key(name: str) -> str:
    """A column's name to compare: without white space, invisible letters, case and Unicode form."""
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def _with_first_line(rows: Rows, delimiter: str) -> Iterator[str]:
    """The rows after a line of constants: DuckDB expects all rows to end as the first line does."""
    first = next(iter(rows), "")
    yield delimiter.join(['"x"'] * (rows.columns + 2)) + "\n"
    yield first
    yield from rows


def _read_header(name: str, lines: Iterator[Line], delimiter: str | None) -> Header:
    for number, line in lines:
        if number == 1 and (separator := SEPARATOR_LINE.fullmatch(line)):
            delimiter = separator[1]
        elif line.strip():
            text = _complete(name, number, line, lines).rstrip("\r\n")
            delimiter = delimiter or _shown_delimiter(text)
            cells = Grammar(delimiter).cells(text)
            if cells is None:
                raise csv_errors.open_quote(name, number, last=False)
            return Header(name, _names(cells), delimiter, text.lstrip().startswith('"'))
    raise csv_errors.empty(name)


def _complete(name: str, number: int, line: str, lines: Iterator[Line]) -> str:
    """The whole header: quoted cells may contain line breaks. Its delimiter is not known yet."""
    text = line
    while text.count('"') % 2:
        _, more = next(lines, (0, None))
        if more is None or len(text) > LONGEST_HEADER:
            raise csv_errors.open_quote(name, number, last=more is None)
        text += more
    return text


def _shown_delimiter(header: str) -> str:
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    texts = (
        TEXT_FORMULA.sub(lambda formula: formula[1].replace('""', '"'), cell) for cell in cells
    )
    names = (text.strip().removeprefix("\ufeff").strip() for text in texts)
    return tuple(name or f"{RESERVED}{position}" for position, name in enumerate(names, start=1))
