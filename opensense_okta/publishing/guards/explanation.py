"""The reasons for which a day is held back: a line for each cause, the largest loss first, each number once.

The same loss trips several guards: that of all people, and that of each directory whose accounts these
people have. Its number is in one line, that of the directory where it was lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from opensense_okta.config.text import plural
from opensense_okta.directories.checks import CheckResult
from opensense_okta.publishing.guards.causes import NEARLY_ALL
from opensense_okta.publishing.guards.model import BY_ATTRIBUTE, Guard, Verdict

MAX_REASONS: Final = 3
"""Lines. With what stays published, and what to do, an explanation has at most five."""

MAX_ATTRIBUTES: Final = 3  # named in a line; the others are counted


@dataclass(frozen=True)
class _Loss:
    """One number that holds the day back.

    Attributes:
        verdict: says it.
        place: the directory that lost it, or another word for what the cause is; losses of the same place
            are one line.
        because: the likely cause; empty if another loss of the same place is the cause.
        shares: how much of it each directory lost, where these are several.
    """

    verdict: Verdict
    place: str
    because: str
    shares: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The loss, and the limit that it exceeds, as the beginning of a sentence."""
        exceeds = f": {self.verdict.exceeds}" if self.verdict.exceeds else ""
        parts = ", ".join(f"{count:,} of {directory}" for directory, count in self.shares.items())
        shares = f" ({parts})" if parts else ""
        return f"{self.verdict.found or self.verdict.message.rstrip('.')}{exceeds}{shares}"


@dataclass(frozen=True)
class _Reason:
    """All that one cause is behind.

    Attributes:
        directory: where the cause is; None: in no single directory.
        unproven: failed checks of the data.
        missing: what the guard `directory_missing` says.
        losses: the most important guard first, of one guard the largest loss.
    """

    directory: str | None
    unproven: Sequence[CheckResult]
    missing: Sequence[Verdict]
    losses: Sequence[_Loss]

    @property
    def weight(self) -> tuple[bool, bool, float]:
        """The largest is shown first: unproven data, then missing directories, then the largest share."""
        return (
            bool(self.unproven),
            bool(self.missing),
            max((loss.verdict.percent for loss in self.losses), default=0.0),
        )

    def line(self) -> str:
        """All of it, with the likely cause."""
        sentences = [*self._facts(), *self._losses(), *self._because()]
        return f"{self._subject}{' '.join(sentences)}"

    def short(self) -> str:
        """The most important number of it."""
        first = [*self._facts(), *self._losses(most=1)]
        return f"{self._subject}{first[0]}"

    @property
    def _subject(self) -> str:
        # The sentence of a missing directory begins with its name.
        return f"{self.directory}: " if self.directory and not self.missing else ""

    def _facts(self) -> Iterator[str]:
        for result in self.unproven:
            yield f"{result.name}: {result.text}"
        for verdict in self.missing:
            yield verdict.message

    def _losses(self, most: int | None = None) -> Iterator[str]:
        guards = list(dict.fromkeys(loss.verdict.name for loss in self.losses))
        for guard in guards[:most]:
            yield _sentence([loss for loss in self.losses if loss.verdict.name == guard])

    def _because(self) -> Iterator[str]:
        """The cause, unless the failed checks, or the sentence of the missing directory, are the cause."""
        causes = [loss.because for loss in self.losses if loss.because]
        if causes and not self.unproven and not self.missing:
            yield f"Likely cause: {causes[0]}"


def reasons(unproven: Sequence[CheckResult], verdicts: Sequence[Verdict]) -> list[str]:
    """The reasons, at most `MAX_REASONS` lines.

    Args:
        unproven: the failed checks of the data that hold the day back.
        verdicts: of all guards, also of those that passed: they know which directory lost how much.
    """
    missing = [
        verdict
        for verdict in verdicts
        if verdict.outcome == "error" and verdict.name == "directory_missing"
    ]
    gone = {verdict.directory for verdict in missing}
    losses = [loss for loss in _losses(verdicts) if loss.verdict.directory not in gone]
    losses.sort(key=_importance)
    places = dict.fromkeys(
        [
            *(result.directory or "" for result in unproven),
            *(verdict.directory or "" for verdict in missing),
            *(loss.place for loss in losses),
        ]
    )
    directories = {verdict.directory for verdict in verdicts} | {one.directory for one in unproven}
    found = [
        _Reason(
            directory=place if place in directories else None,
            unproven=[result for result in unproven if (result.directory or "") == place],
            missing=[verdict for verdict in missing if (verdict.directory or "") == place],
            losses=[loss for loss in losses if loss.place == place],
        )
        for place in places
    ]
    found.sort(key=lambda reason: reason.weight, reverse=True)
    if len(found) <= MAX_REASONS:
        return [reason.line() for reason in found]
    shown, others = found[: MAX_REASONS - 1], found[MAX_REASONS - 1 :]
    more = " ".join(reason.short() for reason in others)
    return [*(reason.line() for reason in shown), f"Besides: {more}"]


def _importance(loss: _Loss) -> tuple[int, bool, int]:
    """The order of losses in a line: by guard, those of people before those of accounts, then by size."""
    verdict = loss.verdict
    guard: Guard = "blanked" if verdict.name in BY_ATTRIBUTE else verdict.name
    return get_args(Guard).index(guard), verdict.directory is not None, -verdict.count


def _losses(verdicts: Sequence[Verdict]) -> Iterator[_Loss]:
    """Each loss that holds the day back, once."""
    compared = [verdict for verdict in verdicts if verdict.name != "directory_missing"]
    tripped = [verdict for verdict in compared if verdict.outcome == "error"]
    for verdict in tripped:
        if verdict.directory is None and not (verdict.of_export and _is_told(verdict, tripped)):
            yield _of_people(verdict, compared)
    for verdict in tripped:
        if verdict.directory is not None and not _is_told(verdict, tripped):
            because = "" if verdict.cause == "directory" else verdict.because
            yield _Loss(verdict, _place(verdict, [verdict.directory]), because)


def _of_people(verdict: Verdict, verdicts: Sequence[Verdict]) -> _Loss:
    """A loss of people, placed where nearly all of it was lost."""
    own = [
        other
        for other in verdicts
        if other.directory and other.count and not verdict.of_export and _same_loss(other, verdict)
    ]
    shares = {other.directory: other.count for other in own if other.directory}
    total = sum(shares.values())
    main = [name for name, count in shares.items() if count >= NEARLY_ALL * total]
    because = verdict.because
    if verdict.cause == "directory" and not verdict.of_export:
        there = [other for other in own if other.directory in main or not main]
        causes = [other.because for other in there if other.cause not in (None, "directory")]
        because = causes[0] if causes else ""
    place = _place(verdict, main or (verdict.directories if not shares else ()))
    return _Loss(verdict, place, because, {} if main else shares)


def _place(verdict: Verdict, directories: Sequence[str]) -> str:
    """Which line a loss is in."""
    if verdict.of_export:
        return "export"
    if verdict.cause == "rules_changed":
        return "rules changed"
    if verdict.cause in ("directory_missing", "scope_changed", "left_out"):
        directories = verdict.directories or directories
    if len(directories) == 1:
        return directories[0]
    # Memberships of people who are gone are in the line of these people.
    return "removed" if verdict.cause == "directory" and not verdict.attribute else verdict.name


def _is_told(verdict: Verdict, tripped: Sequence[Verdict]) -> bool:
    """Whether the loss of all people has the number of this loss of a directory or of the export in it."""
    people = next(
        (
            other
            for other in tripped
            if other.directory is None and not other.of_export and _same_loss(other, verdict)
        ),
        None,
    )
    if verdict.of_export:
        return people is not None and verdict.cause == "directory"
    # Accounts may be gone whose people stay: that is another number.
    return people is not None and (verdict.name != "removed" or people.count == verdict.count)


def _same_loss(verdict: Verdict, other: Verdict) -> bool:
    """Whether both are about the same kind of loss."""
    return (verdict.name, verdict.attribute) == (other.name, other.attribute)


def _sentence(losses: Sequence[_Loss]) -> str:
    """The losses of one guard: the largest in full, of the others the attributes and numbers."""
    first, *others = losses
    if not others:
        return f"{first.words}."
    if first.verdict.name not in BY_ATTRIBUTE:
        return "; ".join([first.words, *(loss.verdict.found for loss in others)]) + "."
    named = ", ".join(
        f"{loss.verdict.attribute} ({loss.verdict.count:,} of {loss.verdict.of:,})"
        for loss in others[: MAX_ATTRIBUTES - 1]
    )
    rest = len(others) - (MAX_ATTRIBUTES - 1)
    more = f" and {plural(rest, 'other attribute')}" if rest > 0 else ""
    return f"{first.words}; {named}{more}, too."
