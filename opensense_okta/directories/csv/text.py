"""Decodes the bytes of a file, and refuses what is not text in the expected encoding."""

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.files import File
from opensense_okta.directories.errors import DirectoryError

C1_CONTROL = re.compile("[\x80-\x9f]")
C1_CONTROL_UTF8 = re.compile(b"\xc2[\x80-\x9f]")
SPREADSHEET_ERROR = re.compile(r"#[¡¿#]|#[^\W\d_]")
NOT_ASCII = re.compile(rb"[^\x00-\x7f]")
BYTE_ORDER_MARKS = (  # longer marks first: UTF-32 LE begins with UTF-16 LE
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
    (b"<table", "a web page", "Export it as CSV (UTF-8), not as a table for Excel."),
    (b'{"', "JSON", "Export it as CSV (UTF-8)."),
    (b"[{", "JSON", "Export it as CSV (UTF-8)."),
    (b"<?xml", "XML", "Export it as CSV (UTF-8)."),
)


@dataclass
class Seen:
    """What has been read of a file so far.

    Attributes:
        size: in bytes.
        lines: number of complete lines, counted by `rows.lines_of`.
        ended: whether the text ends with a line end.
        suspicious: whether cells may contain spreadsheet errors, texts in formulas or scientific notation.
    """

    size: int = 0
    lines: int = 0
    ended: bool = False
    suspicious: bool = False
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)


@dataclass
class _Utf8Test:
    """Whether all bytes so far are valid UTF-8, and the line of the first one that is not ASCII."""

    decoder: codecs.IncrementalDecoder | None
    line: int | None = None

    def read(self, chunk: bytes, line: int) -> None:
        if self.decoder is None:
            return
        try:
            self.decoder.decode(chunk)
        except UnicodeDecodeError:
            self.decoder = self.line = None
            return
        if self.line is None and (match := NOT_ASCII.search(chunk)):
            self.line = line + line_ends(chunk[: match.start()].decode("ascii"))


def decode(file: File, encoding: str | None, seen: Seen) -> Iterator[str]:
    """Yields the file's text in pieces, without its byte order mark.

    Args:
        file: to be read.
        encoding: the configured one; None: UTF-8. A byte order mark has precedence.
        seen: is updated with each piece.

    Raises:
        DirectoryError: the file cannot be read, or is not text in the encoding.
    """
    chunks = file.chunks()
    first = next(chunks, b"")
    _refuse_other_formats(file.name, first)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if first.startswith(mark)), None)
    encoding = marked or encoding or "utf-8"
    codec = codecs.lookup(encoding).name
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(), translate=False)
    is_utf = codec.startswith("utf")
    utf8 = _Utf8Test(None if is_utf else codecs.getincrementaldecoder("utf-8")())
    begun, before = False, b""
    for chunk in chain((first,), chunks, (b"",)):
        seen.sha256.update(chunk)
        seen.size += len(chunk)
        utf8.read(chunk, seen.lines + 1)
        may_have_c1 = codec != "utf-8" or C1_CONTROL_UTF8.search(before + chunk) is not None
        before = chunk[-1:]
        problem: DirectoryError | None
        try:
            text = decoder.decode(chunk, final=not chunk)
            problem = _control(file.name, text, seen.lines + 1, encoding, may_have_c1=may_have_c1)
        except UnicodeError as error:
            text, problem = "", _undecodable(file.name, error, seen, encoding, last=not chunk)
        if problem is not None:
            raise (
                problem if utf8.line is None else csv_errors.is_utf8(file.name, utf8.line, encoding)
            )
        if text and not begun:
            text, begun = text.removeprefix("\ufeff"), True
        seen.suspicious = seen.suspicious or _is_suspicious(text)
        if text:
            seen.ended = text.endswith(("\n", "\r"))
            yield text
    if utf8.line is not None:
        raise csv_errors.is_utf8(file.name, utf8.line, encoding)


def _is_suspicious(text: str) -> bool:
    if "=" in text and '="' in text:  # one character is found twice as fast as two
        return True
    return (
        "E+" in text or "e+" in text or "Err:" in text or SPREADSHEET_ERROR.search(text) is not None
    )


def line_ends(text: str) -> int:
    """The number of line ends in a text: LF, CRLF or CR."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _refuse_other_formats(name: str, start: bytes) -> None:
    begins = start[:100].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for mark, what, how in OTHER_FORMATS:
        if begins.startswith(mark.lower()):
            raise csv_errors.other_format(name, what, how)


def _control(
    name: str, text: str, line: int, encoding: str, *, may_have_c1: bool
) -> DirectoryError | None:
    """The error for the first control character that text in the right encoding does not have."""
    if "\0" in text:
        return csv_errors.not_text(name, line + line_ends(text[: text.index("\0")]), encoding)
    if may_have_c1 and not text.isascii() and (match := C1_CONTROL.search(text)):
        return csv_errors.c1_control(name, line + line_ends(text[: match.start()]), encoding)
    return None


def _undecodable(
    name: str, error: UnicodeError, seen: Seen, encoding: str, *, last: bool
) -> DirectoryError:
    if not isinstance(error, UnicodeDecodeError):  # no byte order mark where there must be one
        return csv_errors.undecodable(name, 1, encoding)
    if last:
        return csv_errors.half_a_character(name, seen.lines + 1, encoding)
    before = error.object[: error.start].decode(error.encoding, "replace")
    return csv_errors.undecodable(name, seen.lines + 1 + line_ends(before), encoding)
