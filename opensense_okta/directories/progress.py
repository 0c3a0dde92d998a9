"""What a read tells the person who watches it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a read has come.

    Attributes:
        stage: what is being read, such as `users`.
        done: how many of the stage's things are read.
        total: how many there are, where that is known.
        note: what holds it up at the moment, in words.
    """

    stage: str
    done: int
    total: int | None = None
    note: str = ""


Listener = Callable[[Progress], None]


def unheard(_progress: Progress) -> None:
    """Listens to nothing."""


def in_words(progress: Progress) -> str:
    """One line of progress, for people."""
    if progress.note:
        return f"{progress.stage}: {progress.note}"
    total = f" of {progress.total:,}" if progress.total is not None else ""
    return f"{progress.done:,}{total} {progress.stage}"
