"""Finds the configured columns in a file's header; case, white space and Unicode form do not count."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import zip_longest

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.normalize import DELIMITERS, Header, name_key


def accept_header(
    header: Header, first: Header | None, needed: Mapping[str, str], optional: Iterable[str]
) -> Header:
    """The header, with its columns spelled as in the organization file.

    Args:
        header: as it is in the file.
        first: the accepted header of the first file of the pattern; all files must have its columns.
        needed: the columns that a file must have, each with the key of the organization file that names it.
        optional: other columns with a meaning.

    Raises:
        FileTrouble: a required column is missing, a name occurs twice, or the columns differ from `first`.
    """
    if first is not None:
        _require_same(header, first)
        return replace(first, file=header.file)
    names = list(header.names)
    for column in dict.fromkeys((*needed, *optional)):
        if column not in names:
            spelled = [at for at, name in enumerate(names) if name_key(name) == name_key(column)]
            free = [at for at in spelled if names[at] not in needed]
            if len(free) > 1:
                raise csv_errors.doubled_header(header.file, column, [at + 1 for at in free])
            if free:
                names[free[0]] = column
        if column not in names and column in needed:
            raise _missing(header, column, needed[column])
    _require_unique(header.file, names)
    return replace(header, names=tuple(names))


def _missing(header: Header, column: str, key: str) -> csv_errors.FileTrouble:
    likely = max(DELIMITERS, key=header.names[0].count)
    if len(header.names) == 1 and likely in header.names[0]:
        if header.is_quoted:
            return csv_errors.whole_line_quoted(header.file, 1)
        return csv_errors.one_column(header.file, header.delimiter, likely)
    return csv_errors.no_header(header.file, column, key, header.named)


def _require_unique(file: str, names: Iterable[str]) -> None:
    positions: dict[bytes, int] = {}
    for position, name in enumerate(names, start=1):
        # DuckDB compares names as bytes.lower does: it ignores only the case of A to Z.
        first = positions.setdefault(name.encode().lower(), position)
        if first != position:
            raise csv_errors.doubled_header(file, name, (first, position))


def _require_same(header: Header, first: Header) -> None:
    pairs = zip_longest(header.names, first.names, fillvalue="")
    for position, (name, expected) in enumerate(pairs, start=1):
        if name_key(name) != name_key(expected) or header.delimiter != first.delimiter:
            raise csv_errors.other_headers(header.file, first.file, position, expected or None)
