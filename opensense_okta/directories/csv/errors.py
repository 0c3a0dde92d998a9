"""The errors that a file can have, with their messages.

A message never quotes a cell. It quotes a header only if the organization file has the same name or a
similar one: if a file has no header line, a person's data is in the place of the headers.
"""

from collections.abc import Sequence

from opensense_okta.config.text import nearest
from opensense_okta.directories.errors import (
    AnswerTooLarge,
    DirectoryError,
    IncompleteListing,
    Unreachable,
)

EXPORT = "Correct the export, or ask the people who make the file; then start the sync again."
WAIT = (
    "If it is being written at the moment, the next try finds it whole; otherwise export it again."
)
ROWS_NAMED = 5


class FileTrouble(DirectoryError):
    """A file is not what the organization file says it is."""


def missing(location: str, key: str, *, pattern: bool) -> Unreachable:
    """There is no file at the configured location."""
    what = "No file matches" if pattern else "There is no file"
    return Unreachable(
        f"{what} {location}.",
        remedy=f"Look whether the export has run and still writes there, or correct `{key}` in the"
        " organization file.",
    )


def unreachable(name: str, reason: str) -> Unreachable:
    """The file, or the place where it is stored, cannot be read."""
    return Unreachable(
        f"{name} cannot be read: {reason}.",
        remedy="Check that the user of this process may read it, that its server is up, and that the"
        " address is right.",
    )


def unsupported(location: str, key: str, reason: str) -> FileTrouble:
    """No installed package reads files at such an address."""
    return FileTrouble(
        f"{location} cannot be read: {reason}.",
        remedy=f"Correct `{key}` in the organization file, or install the package that fsspec needs for"
        " this sort of address.",
    )


def unencrypted(location: str, key: str) -> FileTrouble:
    """An address without encryption: others on the network could read and change the file."""
    return FileTrouble(
        f"{location} is not encrypted.",
        remedy=f"Correct `{key}`: use https: or sftp:. Plain http: and ftp: are only possible on loopback.",
    )


def unencrypted_redirect(host: str) -> FileTrouble:
    """A web server that sends the reader to an address without encryption."""
    return FileTrouble(
        f"{host} redirects to an address that is not encrypted.",
        remedy="Ask the owner of the server for an address that stays encrypted (https:).",
    )


def too_large(name: str, limit: int) -> AnswerTooLarge:
    """A file that is larger than the limit, unpacked."""
    return AnswerTooLarge(
        f"{name} has more than {limit // 1_000_000} MB.",
        remedy="Export only people and the columns that are mapped, or several files: a pattern such as"
        " people-*.csv reads them all, each up to this size.",
    )


def folder(name: str, key: str) -> FileTrouble:
    """The location is a folder, not a file."""
    return FileTrouble(
        f"{name} is a folder, not a file.",
        remedy=f"Name the file in `{key}`, or all files of the folder: {name.rstrip('/')}/*.csv",
    )


def empty(name: str) -> IncompleteListing:
    """The file is empty."""
    return IncompleteListing(
        f"{name} is empty.", remedy=f"An export is never empty. {WAIT}", transient=True
    )


def header_only(name: str) -> IncompleteListing:
    """A header line and no rows."""
    return IncompleteListing(
        f"{name} has a header line, but no rows.",
        remedy=f"A directory is never empty, so this is no deletion. {WAIT}",
        transient=True,
    )


def ids_only(name: str) -> IncompleteListing:
    """In every row, all cells except the id are blank."""
    return IncompleteListing(
        f"{name} has no row with anything but an id.",
        remedy=f"Set `id` to the column that identifies a row. {WAIT}",
    )


def changed(name: str) -> IncompleteListing:
    """The file was written while it was read."""
    return IncompleteListing(
        f"{name} changed while it was being read.",
        remedy="It is being written at the moment: the next try finds it whole. Where it lasts, let the"
        " export write another file and rename it when it is done.",
        transient=True,
    )


def half_written(
    name: str, line: int, found: int, columns: int, *, ended: bool
) -> IncompleteListing:
    """The last row has too few columns."""
    footer = (
        " If the export ends with a line of its own, such as a total, leave that out."
        if ended
        else ""
    )
    return IncompleteListing(
        f"{name}, line {line}: the last row has {found} of {columns} columns, so the file is only half"
        " there.",
        remedy=WAIT + footer,
        transient=True,
    )


def open_quote(name: str, line: int, *, last: bool) -> DirectoryError:
    """A quotation mark that does not close, or closes in the middle of a cell."""
    what = (
        f'{name}, line {line}: a cell begins with a quotation mark (") that never properly closes.'
    )
    if last:
        return IncompleteListing(what, remedy=WAIT, transient=True)
    return FileTrouble(
        what, remedy=f'Inside a quoted cell a quotation mark is written twice (""). {EXPORT}'
    )


def ragged(name: str, line: int, found: int, columns: int) -> FileTrouble:
    """A row with too few or too many columns."""
    return FileTrouble(
        f"{name}, line {line}: the row has {found} columns where the header has {columns}.",
        remedy=f"A cell that contains the delimiter or a line break must be quoted. {EXPORT}",
    )


def long_row(name: str, line: int) -> FileTrouble:
    """A row that is too long to be real."""
    return FileTrouble(
        f"{name}, line {line}: the row is longer than 64 million characters.",
        remedy=f"Most likely a quotation mark is never closed. {EXPORT}",
    )


def uneven_ends(name: str, line: int) -> FileTrouble:
    """Some rows have one extra, empty cell at the end."""
    return FileTrouble(
        f"{name}, line {line}: some rows end with one more delimiter than the header, others do not.",
        remedy=f"Let all rows end alike. {EXPORT}",
    )


def whole_line_quoted(name: str, line: int) -> FileTrouble:
    """All cells of a line are in one pair of quotation marks."""
    return FileTrouble(
        f"{name}, line {line}: the whole line is one quoted cell, with all columns in it.",
        remedy="The file was exported as one column of texts, or quoted twice: put quotation marks around"
        f" single cells only. {EXPORT}",
    )


def header_again(name: str, lines: Sequence[int], count: int) -> FileTrouble:
    """The header line is repeated, as when several files are appended to one."""
    return FileTrouble(
        f"{name}, {in_lines(lines, count)}: the header comes again.",
        remedy=f"Several exports were probably appended to one file: keep the header of the first. {EXPORT}",
    )


def unreadable_rows(name: str) -> FileTrouble:
    """The rows cannot be separated, for an unknown reason."""
    return FileTrouble(
        f"The rows of {name} cannot be separated.",
        remedy=f"Quotation marks or line ends are not as in any other CSV file. {EXPORT}",
    )


def lost_rows(name: str, expected: int, found: int) -> IncompleteListing:
    """Two reads of the same file have different numbers of rows."""
    return IncompleteListing(
        f"{name} was read twice, with {expected:,} rows and with {found:,}.",
        remedy="Report this with the file's line ends and quoting; its contents are not needed.",
    )


def undecodable(name: str, line: int, encoding: str) -> FileTrouble:
    """Bytes that are not valid text in the encoding."""
    return FileTrouble(
        f"{name}, line {line}: there are bytes that are not {encoding} text.",
        remedy="Set `encoding` in the organization file to what the export writes (often windows-1252,"
        " utf-16 or latin-1), or export as UTF-8.",
    )


def is_utf8(name: str, line: int, encoding: str) -> FileTrouble:
    """The file is UTF-8, but another encoding is configured."""
    return FileTrouble(
        f"{name}, line {line}: the file is UTF-8, but `encoding` is {encoding}: letters with accents would"
        " be read wrong.",
        remedy="Set `encoding: utf-8` in the organization file, or leave it out.",
    )


def c1_control(name: str, line: int, encoding: str) -> FileTrouble:
    """Control characters that text does not contain: the bytes are of another encoding."""
    return FileTrouble(
        f"{name}, line {line}: read as {encoding}, it contains control characters (U+0080 to U+009F), so it"
        " is text in another encoding.",
        remedy="Set `encoding` in the organization file to what the export writes (often windows-1252), or"
        " export as UTF-8.",
    )


def half_a_character(name: str, line: int, encoding: str) -> IncompleteListing:
    """The file ends in the middle of a character."""
    return IncompleteListing(
        f"{name}, line {line}: the file ends in the middle of a character, so it is only half there.",
        remedy=f"{WAIT} If it is whole, it is not {encoding}: set `encoding` in the organization file.",
        transient=True,
    )


def not_text(name: str, line: int, encoding: str) -> FileTrouble:
    """NUL characters: the file has another encoding, or is not text."""
    return FileTrouble(
        f"{name}, line {line}: read as {encoding}, it contains NUL characters, so it is not such a text.",
        remedy="If it is text, set `encoding` in the organization file (probably utf-16le); otherwise"
        " export it as CSV.",
    )


def other_format(name: str, what: str, how: str) -> FileTrouble:
    """A file of another format, recognized by its first bytes."""
    return FileTrouble(f"{name} is {what}, not CSV.", remedy=how)


def one_column(name: str, delimiter: str, likely: str) -> FileTrouble:
    """The delimiter in the header differs from the configured one."""
    return FileTrouble(
        f"{name}, line 1: with the delimiter {_sign(delimiter)} everything is in one column; it looks"
        f" like the delimiter is {_sign(likely)}.",
        remedy=f"Set `delimiter: {_sign(likely)}` in the organization file, or leave it out.",
    )


def no_header(name: str, column: str, key: str, headers: Sequence[str]) -> FileTrouble:
    """A required column is missing."""
    near = nearest(column, headers)
    hint = f"; the nearest is `{near}`" if near else ""
    return FileTrouble(
        f"{name}, line 1: there is no column `{column}` among the {len(headers)} of the header{hint}.",
        remedy=f"Correct {key} in the organization file, or the export: its first line must name the"
        " columns.",
    )


def doubled_header(name: str, header: str, positions: Sequence[int]) -> FileTrouble:
    """Two columns have the same name."""
    which = " and ".join(str(position) for position in positions)
    return FileTrouble(
        f"{name}, line 1: the columns {which} are both named `{header}` (case and white space do not count).",
        remedy=f"Let each column have a name of its own. {EXPORT}",
    )


def other_headers(name: str, first: str, position: int, header: str | None) -> FileTrouble:
    """One of several files differs from the first in its columns or its delimiter."""
    expected = f"`{header}`" if header is not None else "no more columns"
    return FileTrouble(
        f"{name}, line 1: column {position} is another one than in {first}, which has {expected} there.",
        remedy="All files of one pattern must have the same columns in the same order and the same"
        " delimiter; export them again, or narrow the pattern.",
    )


def blank_cells(name: str, lines: Sequence[int], column: str, count: int) -> FileTrouble:
    """Rows with a blank cell in a column that identifies them."""
    return FileTrouble(
        f"{name}, {in_lines(lines, count)}: the column `{column}` is blank.",
        remedy=f"Every row needs a value there. {EXPORT}",
    )


def doubled(rows: Sequence[tuple[str, Sequence[int]]], column: str, count: int) -> FileTrouble:
    """Several rows have the same id."""
    where = "; ".join(
        f"{name}, {in_lines(lines[:ROWS_NAMED], len(lines))}" for name, lines in rows[:ROWS_NAMED]
    )
    if len(rows) > 1:
        return FileTrouble(
            f"{where}: the column `{column}` has the same value. Several files hold the same ids; number of"
            f" ids: {count:,}.",
            remedy="All files that match are read as one list. If they are exports of several days, read only"
            " the newest: let the export always write the same name, or update a link to the newest file, and"
            " name that file instead of a pattern. Otherwise let each id be in one file only.",
        )
    return FileTrouble(
        f"{where}: the column `{column}` has the same value. Number of such values: {count:,}.",
        remedy="A value must identify one row. Set `id` to a column that does, or correct the export.",
    )


def user_and_group(name: str, lines: Sequence[int], count: int) -> FileTrouble:
    """Members whose id is a user's and a group's."""
    return FileTrouble(
        f"{name}, {in_lines(lines, count)}: the id in the column `user_id` is a user's and a group's.",
        remedy="Give the group an id that no user has. If no group is a member of another, set"
        " `nested: false` for the directory: then such an id is the user's.",
    )


def not_a_flag(name: str, lines: Sequence[int], column: str, count: int) -> FileTrouble:
    """Cells of `active` that are neither yes nor no."""
    return FileTrouble(
        f"{name}, {in_lines(lines, count)}: the column `{column}` says neither active nor inactive.",
        remedy="Write true/false, yes/no, y/n, t/f, 1/0 or active/inactive, or leave it blank for active;"
        " if another column has it, map it: `attributes: {active: COLUMN}`.",
    )


def in_lines(lines: Sequence[int], count: int) -> str:
    """`line 7` or `lines 7, 9 and 1,204 more`; only the count if no line is known."""
    if not lines:
        return f"{count:,} rows"
    more = f" and {count - len(lines):,} more" if count > len(lines) else ""
    word = "line" if count == 1 else "lines"
    return f"{word} {', '.join(str(line) for line in lines)}{more}"


def _sign(delimiter: str) -> str:
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'
