"""Copies a file into a private folder as what DuckDB reads best: UTF-8, with a plain header line.

Whatever the encoding, the copy is UTF-8 without a byte order mark. Its header line is made anew,
because DuckDB takes the first line end it sees for that of the rows, and a header may contain one. The
bytes are seen once: for the digest, the line ends and the encoding.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.files import File
from opensense_okta.directories.errors import DirectoryError

DELIMITERS = ",;\t|"
LONGEST_HEADER = 1 << 20  # characters; beyond that it is no header
HEADER = re.compile(r'(?:[^"\r\n]++|"[^"]*+"?+)*+')
LINE_END = re.compile(r"\r\n|\r|\n")
BLANK_LINES = re.compile(r"(?:[ \t]*(?:\r\n|\r|\n))*")
UNNAMED = (
    " "  # begins the names of columns without one: no header begins with it once it is stripped
)

BYTE_ORDER_MARKS = (  # the longer one first: one begins as another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
WEB_PAGE = "Let the address lead to the file itself, not to a page to sign in at."
OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel file or a ZIP archive", "Open it, and export it as CSV (UTF-8)."),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "Open it, and export it as CSV (UTF-8)."),
    (b"\x1f\x8b", "compressed (gzip)", "Let the export write it uncompressed."),
    (b"%PDF", "a PDF", "Export it as CSV (UTF-8)."),
    (b"PAR1", "a Parquet file", "Export it as CSV (UTF-8)."),
    (b"<!", "a web page", WEB_PAGE),
    (b"<html", "a web page", WEB_PAGE),
    (b"<?xml", "XML", "Export it as CSV (UTF-8)."),
)


@dataclass(frozen=True)
class Copy:
    """A private copy of one file.

    Attributes:
        name: of the file, for people.
        path: of the copy.
        headers: stripped of white space; UNNAMED and the position for a column without one.
        delimiter: between columns.
        line_end: of the rows of the copy.
        lines_above: how many more lines of the file than of the copy are above the first row.
        ended: whether the file ends with a line end; one that does not may be cut off in its last cell.
        size: bytes of the file; digest: their SHA-256.
        modified: when the file was last written; None where its place does not tell.
    """

    name: str
    path: Path
    headers: tuple[str, ...]
    delimiter: str
    line_end: str
    lines_above: int
    ended: bool
    size: int
    digest: str
    modified: datetime | None

    @property
    def named(self) -> list[str]:
        """The headers of the columns that have one."""
        return [header for header in self.headers if not header.startswith(UNNAMED)]

    def line_at(self, position: int) -> int:
        """The line of the file, as a text editor counts, at a byte of the copy."""
        end, lines = self.line_end[-1].encode(), 1
        with self.path.open("rb") as file:
            while position > 0 and (chunk := file.read(min(position, 1 << 20))):
                lines += chunk.count(end)
                position -= len(chunk)
        return lines + self.lines_above

    def ends_after(self, position: int) -> tuple[bool, bool]:
        """Whether the row at a byte of the copy is the last one, and whether it has a line end."""
        with self.path.open("rb") as file:
            file.seek(position)
            rest = file.read(LONGEST_HEADER)
        lines = [line for line in rest.splitlines() if line.strip()]
        return len(lines) < 2, rest.endswith((b"\n", b"\r"))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row with its line: slow, for telling where something is."""
        with self.path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            line = 1
            for row in reader:
                if row and line > 1:
                    yield line + self.lines_above, row
                line = reader.line_num + 1


@dataclass
class _Seen:
    """What was seen of a file so far: its bytes, its lines, and how they end."""

    size: int = 0
    lines: int = 1
    line_ends: str | tuple[str, ...] | None = None
    ended: bool = False
    digest: str = ""


def copy_file(file: File, path: Path, delimiter: str | None, encoding: str | None) -> Copy:
    """Copies a file, and tells what its header says.

    Args:
        file: to be copied.
        path: of the copy.
        delimiter: between columns; None: what the header shows.
        encoding: of the file; None: UTF-8. A byte order mark knows better.

    Raises:
        DirectoryError: it cannot be read, changes meanwhile, or is no CSV file.
    """
    stamp, seen = file.stamp(), _Seen()
    texts = _texts(file, encoding, seen)
    header, rows, above = _header(file.name, texts)
    delimiter = delimiter or _shown(header)
    headers = _names(header, delimiter)
    line_end = next(iter(LINE_END.findall(rows)), "\n")
    plain = delimiter.join(['"x"'] * len(headers)) + line_end
    with path.open("wb") as copied:
        copied.write(plain.encode())
        for text in chain((rows.removeprefix(line_end),), texts):
            copied.write(_encoded(text, file.name, seen))
    if file.stamp() != stamp or seen.size < (stamp.size or 0):
        raise csv_errors.changed(file.name)
    copy = Copy(
        name=file.name,
        path=path,
        headers=headers,
        delimiter=delimiter,
        line_end=line_end,
        lines_above=above + len(LINE_END.findall(header)),
        ended=seen.ended,
        size=seen.size,
        digest=seen.digest,
        modified=stamp.modified,
    )
    return with_even_line_ends(copy) if isinstance(seen.line_ends, tuple) else copy


def _texts(file: File, encoding: str | None, seen: _Seen) -> Iterator[str]:
    """The file's text, piece by piece, without a byte order mark."""
    digest, begun = hashlib.sha256(), False
    decoder: io.IncrementalNewlineDecoder | None = None
    for chunk in chain(file.chunks(), (b"",)):
        digest.update(chunk)
        seen.size += len(chunk)
        if decoder is None:
            _refuse_other_formats(file.name, chunk)
            encoding = _marked(chunk) or encoding or "utf-8"
            decoder = io.IncrementalNewlineDecoder(
                codecs.getincrementaldecoder(encoding)(), translate=False
            )
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            raise _undecodable(file.name, error, seen, encoding or "", last=not chunk) from None
        if text and not begun:
            text, begun = text.removeprefix("\ufeff"), True
        if "\0" in text:
            line = seen.lines + _line_ends(text[: text.index("\0")])
            raise csv_errors.not_text(file.name, line, encoding or "")
        seen.lines += _line_ends(text)
        seen.line_ends, seen.digest = decoder.newlines, digest.hexdigest()
        if text:
            seen.ended = text.endswith(("\n", "\r"))
            yield text


def _undecodable(
    name: str, error: UnicodeError, seen: _Seen, encoding: str, *, last: bool
) -> DirectoryError:
    if not isinstance(error, UnicodeDecodeError):  # no byte order mark where there must be one
        return csv_errors.undecodable(name, 1, encoding)
    if last:
        return csv_errors.half_a_character(name, seen.lines, encoding)
    before = error.object[: error.start].decode(error.encoding, "replace")
    return csv_errors.undecodable(name, seen.lines + _line_ends(before), encoding)


def _refuse_other_formats(name: str, start: bytes) -> None:
    begins = start[:100].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for mark, what, how in OTHER_FORMATS:
        if begins.startswith(mark.lower()):
            raise csv_errors.other_format(name, what, how)


def _marked(start: bytes) -> str | None:
    """The encoding that a byte order mark at the start says."""
    return next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), None)


def _header(name: str, texts: Iterator[str]) -> tuple[str, str, int]:
    """The header, all that was read after it, and how many lines were above it."""
    read = ""
    for text in texts:
        read += text
        rows, above = _below_blank_lines(read)
        header = HEADER.match(rows)
        if header and header.end() < len(rows):
            return header[0], rows[header.end() :], above
        if len(read) > LONGEST_HEADER:
            raise csv_errors.open_quote(name, 1, last=False)
    if not read.strip():
        raise csv_errors.empty(name)
    if read.count('"') % 2:
        raise csv_errors.open_quote(name, 1, last=True)
    rows, above = _below_blank_lines(read)
    return rows, "", above


def _below_blank_lines(text: str) -> tuple[str, int]:
    """What is left without blank lines at the start, and how many there were."""
    blank = BLANK_LINES.match(text)
    end = blank.end() if blank else 0
    return text[end:], len(LINE_END.findall(text, 0, end))


def _shown(header: str) -> str:
    """The delimiter that a header shows."""
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _names(header: str, delimiter: str) -> tuple[str, ...]:
    source = io.StringIO(header, newline="")
    cells = next(csv.reader(source, delimiter=delimiter, skipinitialspace=True), [])
    names = (cell.strip().removeprefix("\ufeff").strip() for cell in cells)
    return tuple(name or f"{UNNAMED}{position}" for position, name in enumerate(names, start=1))


def _encoded(text: str, name: str, seen: _Seen) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character: some encodings can write that
        raise csv_errors.undecodable(name, seen.lines, "Unicode") from None


def _line_ends(text: str) -> int:
    return text.count("\n") or text.count("\r")


def with_even_line_ends(copy: Copy) -> Copy:
    """The copy with one sort of line end between rows; those in cells stay as they are.

    Row by row, so slowly; but DuckDB does not read rows with several sorts of ends, and only reading
    the quotes tells the ends of rows from those in cells.
    """
    even = copy.path.with_suffix(".even.csv")
    line = 1
    with (
        copy.path.open(encoding="utf-8", newline="") as source,
        even.open("w", encoding="utf-8", newline="") as target,
    ):
        reader = csv.reader(source, delimiter=copy.delimiter, strict=True)
        writer = csv.writer(
            target, delimiter=copy.delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n"
        )
        try:
            for row in reader:
                writer.writerow(row)
                line = reader.line_num + 1
        except csv.Error as error:
            last = "end of data" in str(error)
            raise csv_errors.open_quote(copy.name, line + copy.lines_above, last=last) from None
    even.replace(copy.path)
    return replace(copy, line_end="\n")
