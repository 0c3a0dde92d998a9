"""Rows on a person's terminal: names and values, which go nowhere else."""

from collections.abc import Iterable, Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table

WIDE = 100_000  # a pipe has no width: nothing is wrapped


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table as wide as the terminal, or plain lines with aligned columns."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(plain(value) for value in row))
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(f"    {line}".rstrip() for line in printed.get().splitlines()))


def plain(value: object) -> str:
    """A directory's text without what would move a terminal's cursor or turn its letters round."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in ("" if value is None else str(value))
    )
