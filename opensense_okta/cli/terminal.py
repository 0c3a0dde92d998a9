"""What the commands print: progress as bars on a terminal and as lines elsewhere, and tables."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click
import rich.progress
from rich import box
from rich.console import Console
from rich.table import Table

from opensense_okta.config.text import printable
from opensense_okta.directories.protocol import Listener, Progress, format_progress

if TYPE_CHECKING:
    import dagster as dg

LINE_INTERVAL = 2.0  # seconds between two plain lines


@contextmanager
def terminal() -> Iterator[Console]:
    """A console on a copy of standard error: Dagster redirects the stream itself during a run."""
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as stream:
        yield Console(file=stream, force_terminal=sys.stderr.isatty())


class PlainWatcher:
    """Prints a line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def listener(self, context: "dg.AssetExecutionContext", directory: str) -> Listener:  # noqa: ARG002
        """Makes a function that prints the progress of one directory's read."""
        last = monotonic()

        def listen(progress: Progress) -> None:
            nonlocal last
            if progress.note or monotonic() - last >= LINE_INTERVAL:
                last = monotonic()
                self._console.print(
                    f"{directory}: {format_progress(progress)}", markup=False, highlight=False
                )

        return listen

    def show(self, words: str) -> None:
        """Prints one line."""
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)


class LiveWatcher:
    """Shows a bar for each listing that is being read."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars

    def listener(self, context: "dg.AssetExecutionContext", directory: str) -> Listener:  # noqa: ARG002
        """Makes a function that shows the progress of one directory's read."""
        shown: dict[str, rich.progress.TaskID] = {}

        def listen(progress: Progress) -> None:
            label = f"{directory}: {progress.stage}"
            if progress.stage not in shown:
                shown[progress.stage] = self._bars.add_task(label, total=progress.total)
            task = shown[progress.stage]
            if progress.note:
                self._bars.update(task, description=f"{label}, {progress.note}")
            else:
                self._bars.update(
                    task, description=label, completed=progress.done, total=progress.total
                )

        return listen

    def show(self, words: str) -> None:
        """Prints one line above the bars."""
        self._bars.console.print(words, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(console: Console) -> Iterator[PlainWatcher | LiveWatcher]:
    """Shows the progress of reads: bars on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield PlainWatcher(console)
        return
    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
    )
    with rich.progress.Progress(*columns, console=console, transient=True) as bars:
        yield LiveWatcher(bars)


WIDE = 100_000  # columns: no line is wrapped if the output is not a terminal


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    indent: int = 4,
    unwrapped: Collection[str] = (),
) -> None:
    """Prints a table as wide as the terminal, or plain lines with aligned columns.

    Args:
        columns: The header.
        rows: A value for each column; None is shown as an empty cell.
        indent: Spaces before each line.
        unwrapped: Columns whose values are never wrapped.
    """
    console = stdout_console()
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in unwrapped)
    for row in rows:
        table.add_row(*("" if value is None else printable(str(value)) for value in row))
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(f"{' ' * indent}{line}".rstrip() for line in printed.get().splitlines()))


def stdout_console() -> Console:
    """A console on standard output without markup; it wraps nothing unless it is a terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console
