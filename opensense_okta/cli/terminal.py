"""What the commands show: live progress on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click
import rich.progress
from rich import box
from rich.console import Console
from rich.table import Table

from opensense_okta.directories.protocol import Listener, Progress, in_words

if TYPE_CHECKING:
    import dagster as dg

EVERY = 2.0  # seconds between two plain lines


@contextmanager
def terminal() -> Iterator[Console]:
    """Standard error as it is now; Dagster captures the stream itself while a run lasts."""
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as stream:
        yield Console(file=stream, force_terminal=sys.stderr.isatty())


class PlainWatcher:
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def listener(self, context: "dg.AssetExecutionContext", directory: str) -> Listener:  # noqa: ARG002
        """Says how far one directory's read has come."""
        last = monotonic()

        def listen(progress: Progress) -> None:
            nonlocal last
            if progress.note or monotonic() - last >= EVERY:
                last = monotonic()
                self._console.print(
                    f"{directory}: {in_words(progress)}", markup=False, highlight=False
                )

        return listen

    def tell(self, words: str) -> None:
        """Says it in a line of its own."""
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)


class LiveWatcher:
    """A bar for each listing that is being read."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars

    def listener(self, context: "dg.AssetExecutionContext", directory: str) -> Listener:  # noqa: ARG002
        """Shows how far one directory's read has come."""
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

    def tell(self, words: str) -> None:
        """Says it in a line of its own, above the bars."""
        self._bars.console.print(words, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(console: Console) -> Iterator[PlainWatcher | LiveWatcher]:
    """Who watches the reads: bars on a terminal, lines elsewhere."""
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
