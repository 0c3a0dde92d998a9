"""The structure of a CSV text: lines, quoted cells and rows, but not the meaning of cells."""

import io
import re
from collections.abc import Iterable, Iterator

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.text import Seen

LONGEST_ROW = 64 << 20
"""Characters. A longer row means that a quotation mark never closes."""


class Grammar:
    """How cells are written with one delimiter.

    A cell is quoted if its first character that is not blank is a quotation mark. Blanks are white space
    except line ends and the delimiter. Patterns are possessive, so that matching takes linear time.
    """

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        d = self._d = re.escape(delimiter)
        blank = rf"(?:(?!{d})[^\S\r\n])*+"
        quoted = rf'{blank}"([^"]*+(?:""[^"]*+)*+)"{blank}'
        plain = rf'((?!{blank}")[^{d}\r\n]*+)'
        cell = rf"(?:{quoted}|{plain}){d}"
        empty = rf'{blank}(?:"\s*+"{blank})?+'
        self._cell = re.compile(cell)
        self._open = re.compile(rf'(?:{cell})*+{blank}"[^"]*+(?:""[^"]*+)*+')
        self._several = re.compile(rf"(?:{empty}{d})*+{cell}(?:{empty}{d})*+(?!{empty}\Z)")

    def simple_row(self, width: int) -> re.Pattern[str]:
        """Matches a row of `width` cells that needs no change: no blanks around quoted cells."""
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{self._d}\r\n]*+)'
        return re.compile(rf"{cell}(?:{self._d}{cell}){{{width - 1}}}")

    def cells(self, row: str) -> list[str] | None:
        """The cells of a row; None if text follows the closing quotation mark of a cell."""
        text, position, cells = row + self.delimiter, 0, []
        while position < len(text):
            match = self._cell.match(text, position)
            if match is None:
                return None
            cells.append(match[2] if match[1] is None else match[1].replace('""', '"'))
            position = match.end()
        return cells

    def is_open(self, text: str) -> bool:
        """Whether the text ends inside a quoted cell."""
        return self._open.fullmatch(text) is not None

    def has_several(self, row: str) -> bool:
        """Whether more than one cell of the row is filled."""
        return self._several.match(row) is not None


CLOSES = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
"""Matches a line that begins inside a quoted cell and contains the end of that cell."""

Line = tuple[int, str]
"""A line's number, counted as in a text editor, and its text with the line end."""


def lines_of(name: str, texts: Iterable[str], seen: Seen) -> Iterator[Line]:
    """The lines of a text that is read in pieces; `seen` gets their number."""
    number = 0
    rest: list[
        str
    ] = []  # pieces of a line that has not ended, joined once: a long line takes linear time
    for text in texts:
        rest.append(text)
        if "\n" in text or "\r" in text:
            lines = list(io.StringIO("".join(rest), newline=""))
            rest = [] if lines[-1].endswith(("\n", "\r")) else [lines.pop()]
            yield from enumerate(lines, number + 1)
            seen.lines = number = number + len(lines)
        if sum(map(len, rest)) > LONGEST_ROW:
            raise csv_errors.long_row(name, number + 1)
    if rest:
        yield number + 1, "".join(rest)


class Rows:
    """The rows below the header of one file, checked and written in one style.

    Attributes:
        count: number of rows so far.
        longest: characters of the longest of them.
        columns: cells of each row as it is written: as many as the header has; one less if only the header
            ends with a delimiter. If every row ends with one more, empty cell, that is left out.
    """

    def __init__(
        self, name: str, lines: Iterator[Line], grammar: Grammar, columns: int, *, open_header: bool
    ) -> None:
        self._name = name
        self._lines = lines
        self._grammar = grammar
        self.columns = self._width = columns
        self._open_header = open_header
        self._between = f'"{grammar.delimiter}"'
        self._simple = grammar.simple_row(columns)
        self.count = self.longest = 0

    def __iter__(self) -> Iterator[str]:
        """Each row as the number of its line, a mark if at most one cell is filled, and its cells.

        Rows of blank cells are left out.

        Raises:
            DirectoryError: the width of a row differs from the header's, or a quotation mark is wrong.
        """
        grammar, d = self._grammar, self._grammar.delimiter
        for number, line in self._lines:
            row = line.rstrip("\r\n")
            if self._width > self.columns or not self._is_simple(row):
                row = self._checked(number, line)
            mark = ""
            if not grammar.has_several(row):
                if not any(cell.strip() for cell in grammar.cells(row) or ()):
                    continue
                mark = "1"
            self.count += 1
            self.longest = max(self.longest, len(row))
            yield f"{number}{d}{mark}{d}{row}\n"

    def _is_simple(self, row: str) -> bool:
        """Whether a row has the right width and needs no change; common styles are checked first."""
        quotes = row.count('"')
        if not quotes:
            return row.count(self._grammar.delimiter) == self._width - 1
        every_cell_quoted = (
            quotes == 2 * self._width
            and row[0] == row[-1] == '"'
            and row.count(self._between) == self._width - 1
        )
        return every_cell_quoted or self._simple.fullmatch(row) is not None

    def _checked(self, number: int, line: str) -> str:
        """A row with all cells quoted; empty for a blank line."""
        text = self._complete(number, line)
        cells = self._grammar.cells(text.rstrip("\r\n"))
        if cells is None:
            raise csv_errors.open_quote(self._name, number, last=self._at_end())
        if len(cells) == 1 and not cells[0].strip():
            return ""
        extra = len(cells) == self.columns + 1 and not cells[-1].strip()
        if extra and not self.count:
            self._width = len(cells)
        if self._open_header and not self.count and len(cells) == self.columns - 1:
            self.columns = self._width = len(cells)
            self._simple = self._grammar.simple_row(self._width)
        if len(cells) != self._width or (self._width > self.columns and not extra):
            self._refuse(number, text, cells, extra=extra)
        return self._grammar.delimiter.join(quoted(cell) for cell in cells[: self.columns])

    def _complete(self, number: int, line: str) -> str:
        """A line and the lines after it, until no quoted cell is open."""
        parts = [line]
        while self._grammar.is_open("".join(parts)):
            for _, more in self._lines:
                parts.append(more)
                if CLOSES.match(more):
                    break
                if len(parts) % 1000 == 0 and sum(map(len, parts)) > LONGEST_ROW:
                    raise csv_errors.long_row(self._name, number)
            else:
                last = sum(bool(part.strip()) for part in parts) < 2
                raise csv_errors.open_quote(self._name, number, last=last)
        return "".join(parts)

    def _at_end(self) -> bool:
        return not any(line.strip() for _, line in self._lines)

    def _refuse(self, number: int, text: str, cells: list[str], *, extra: bool) -> None:
        name, columns, count = self._name, self.columns, len(cells)
        if count == 1 < columns and self._grammar.delimiter in cells[0]:
            raise csv_errors.whole_line_quoted(name, number)
        if count < self._width and self._at_end():
            ended = text.endswith(("\n", "\r"))
            if count < columns or not ended:
                raise csv_errors.half_written(name, number, count, self._width, ended=ended)
        if extra or (self._width > columns and count == columns):
            raise csv_errors.uneven_ends(name, number)
        raise csv_errors.ragged(name, number, count, columns)


def quoted(cell: str) -> str:
    """A cell in quotation marks."""
    return '"' + cell.replace('"', '""') + '"'
