"""Reads the small CSV file of a lookup: the first column is the key, another one has the value."""

import csv
import hashlib
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from opensense_okta.config.errors import UserError
from opensense_okta.config.sources import Lookup
from opensense_okta.config.text import did_you_mean

DELIMITERS = (",", ";", "\t")


class LookupFileError(UserError):
    """The file of a lookup cannot be used. The message has no value of it."""

    def __init__(self, file: Path, fault: str, remedy: str) -> None:
        super().__init__(
            f"The lookup file {file} {fault}.",
            impact="Nothing was resolved. The published directory stays as it was.",
            remedy=remedy,
        )


class LookupRow(NamedTuple):
    """A line of the file, with the value of the column that is taken."""

    line: int
    key: str
    value: str


def content_digest(file: Path) -> str:
    """A digest of the file's content; of a file that cannot be read, the same for every fault."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return "unreadable"


def read_lookup(source: Lookup) -> list[LookupRow]:
    """The rows of the file that have a key, in their order.

    Raises:
        LookupFileError: it cannot be read, or does not have the column.
    """
    file = source.lookup
    text = _text(file)
    if not text.strip():
        raise LookupFileError(file, "is empty", "Write a header and rows into it.")
    delimiter = max(DELIMITERS, key=text.lstrip().splitlines()[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        column = _column(file, header, source.take)
        rows = []
        for cells in reader:
            if cells and len(cells) != len(header):
                fault = (
                    f"has {len(cells)} cells in line {reader.line_num}, and {len(header)} columns"
                )
                raise LookupFileError(file, fault, "Correct the line.")
            if cells and cells[0].strip():
                rows.append(LookupRow(reader.line_num, cells[0], cells[column]))
    except csv.Error as error:
        fault = f"is not a CSV file: line {reader.line_num} has a wrong quote ({error})"
        raise LookupFileError(file, fault, "Correct the line.") from None
    return rows


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        remedy = "Put it beside the organization file, readable for the user that runs this."
        raise LookupFileError(file, f"cannot be read ({error.strerror})", remedy) from None
    except ValueError:
        raise LookupFileError(file, "is not UTF-8 text", "Save it as UTF-8.") from None


def _column(file: Path, header: list[str], name: str) -> int:
    if header.count(name) == 1:
        return header.index(name)
    fault = f"has the column {name} twice"
    if name not in header:
        fault = f"has no column {name}{did_you_mean(name, header)}".rstrip(".?")
    remedy = f"Its columns are {', '.join(header)}: correct `take` in the organization file, or the header."
    raise LookupFileError(file, fault, remedy)
