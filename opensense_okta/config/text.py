"""How words and numbers are written for people: the same everywhere."""

import difflib
from collections.abc import Iterable, Sequence

LONGEST_WORD = 100
"""Characters. Comparing longer words takes quadratic time, and they are no typing mistakes."""

MAX_EXAMPLES = 3
"""Names or ids in a sentence. An id can have 36 characters, and a line is read at a glance."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, without regard to case."""
    spellings = {name.casefold(): name for name in known if len(name) < LONGEST_WORD}
    matches = difflib.get_close_matches(word[:LONGEST_WORD].casefold(), spellings, n=1)
    return spellings[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest known word, or a full stop where none is near."""
    name = nearest(word, known)
    return f"; did you mean {name}?" if name else "."


def plural(count: int, singular: str, plural_form: str = "") -> str:
    """`1 day`, `2 days`, `1,204 people`; the plural adds an s unless it is given."""
    return f"{count:,} {singular if count == 1 else plural_form or f'{singular}s'}"


def some_of(names: Sequence[str], total: int | None = None) -> str:
    """The first few names, with `…` after them if there are more: `sales, staff, ops, …`.

    Args:
        names: all of them, or examples.
        total: how many there are, if `names` are examples.
    """
    shown = names[:MAX_EXAMPLES]
    more = ["…"] if len(shown) < (len(names) if total is None else total) else []
    return ", ".join([*shown, *more])


def duration(seconds: float) -> str:
    """Seconds in their two largest units: `4 s`, `3 min 07 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def percent(count: int, total: int) -> str:
    """A share as `12.5 %`. It is `0 %` or `100 %` only where it is exactly that; a dash of nothing."""
    if not total:
        return "\N{EN DASH}"
    share = 100 * count / total
    if 0 < count < total:
        share = min(max(share, 0.1), 99.9)
    return f"{share:.0f} %" if count in (0, total) else f"{share:.1f} %"


def as_words(name: object) -> str:
    """A name in snake_case, such as `work_phone`, as words."""
    return str(name).replace("_", " ")


def printable(text: str) -> str:
    """A directory's text without characters that move a cursor, reverse other text or cannot be seen."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
