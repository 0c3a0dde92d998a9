"""The likely cause of a loss: a missing directory, a changed scope or rule, or another loss."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opensense_okta.publishing.guards.measures import Measure
from opensense_okta.publishing.guards.model import BY_ATTRIBUTE, Cause, Guard, GuardContext

ENDED = "ended by end_date: their last day is over."
NEARLY_ALL = 0.9  # the share of a loss that a directory must explain to be named as its cause

UNKNOWN: Mapping[Guard, str] = {
    "removed": "people really left, or only a part of them was listed, as in a file that is half there,"
    " or to an administrator with a restricted role.",
    "removed_memberships": "a large group was deleted or emptied, or its members can no longer be read.",
    "blanked": "the field was emptied or renamed in the directory, or may no longer be read.",
    "rewritten": "the field was changed for everybody in the directory, or another field is read now.",
    "correlation": "the values that accounts are matched by no longer agree between the directories.",
}

UNKNOWN_OF_API: Mapping[Guard, str] = {
    "removed": "people really left, or only a part of them was listed, as to an administrator with a"
    " restricted role."
}
"""The same for one directory that is read by an API."""

UNKNOWN_OF_KIND: Mapping[tuple[str, Guard], str] = {
    ("csv", "removed"): "people really left, or the file has only a part of them.",
    (
        "csv",
        "removed_memberships",
    ): "a large group was deleted or emptied, or the file has only a part of its members.",
    ("csv", "blanked"): "the column was emptied in the file, or renamed.",
    (
        "csv",
        "rewritten",
    ): "the column was changed for everybody in the file, or another column is read now.",
}
"""The same for one directory of another kind."""


@dataclass(frozen=True)
class LikelyCause:
    """The likely cause of a loss, in words, and the directories where it is, if that is known."""

    kind: Cause
    words: str
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What a cause was found by: the part of its sentence, and the directories where it was found."""

    words: str
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class CauseFinder:
    """Finds the likely cause of a loss in the table `CAUSES`.

    The methods of the table return their evidence; None: the row does not apply. `loss` is
    None for a decrease of correlation.

    Attributes:
        held: the losses that exceed their limits.
        losses: all losses.
    """

    circumstances: GuardContext
    held: tuple[Measure, ...]
    losses: tuple[Measure, ...]

    def cause(self, guard: Guard, loss: Measure | None) -> LikelyCause:
        """The likely cause of a loss, or of a decrease of correlation (`loss` is None)."""
        for cause, evidence_of, sentence in CAUSES:
            evidence = evidence_of(self, guard, loss)
            if evidence:
                words = sentence.format(evidence.words, since=self.circumstances.since)
                return LikelyCause(cause, words, evidence.directories)
        source = self.circumstances.sources.get(loss.directory or "") if loss else None
        kind = (source.kind or "") if source else ""
        usual = {**UNKNOWN, **(UNKNOWN_OF_API if kind else {})}
        return LikelyCause("unknown", UNKNOWN_OF_KIND.get((kind, guard), usual[guard]))

    def missing_directories(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """Directories that were not read, or that the rules no longer have, and that explain the loss."""
        sources = self.circumstances.sources
        missing = [name for name, source in sources.items() if source.before and source.missing]
        gone = self._behind(guard, loss, missing)
        unread = ", ".join(name for name in gone if sources[name].configured)
        removed = ", ".join(name for name in gone if not sources[name].configured)
        since = self.circumstances.since
        texts = [
            f"{unread} was published on {since}, and was not read" if unread else "",
            f"the organization file no longer has {removed}" if removed else "",
        ]
        return Evidence("; ".join(filter(None, texts)), tuple(gone)) if gone else None

    def changed_scopes(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """Directories whose scope has changed, and that explain the loss."""
        # Accounts out of scope are missing; the values of the other accounts do not change.
        if loss and loss.directory and guard in BY_ATTRIBUTE:
            return None
        behind = self._behind(guard, loss, self.circumstances.scope_changed)
        return Evidence(", ".join(behind), tuple(behind)) if behind else None

    def left_out_users(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """Rules of scope that leave out more users than before, and that explain the loss."""
        if loss and loss.directory and guard in BY_ATTRIBUTE:
            return None
        left_out = self.circumstances.left_out
        removed = {
            own.directory: own.count
            for own in self._own("removed", loss.directory if loss else None)
        }
        enough = [
            name
            for name, rules in left_out.items()
            if 2 * sum(rules.values()) >= removed.get(name, 0) > 0
        ]
        behind = self._behind(guard, loss, enough)
        counts = [
            f"{more:,} more accounts of {name} are left out by {rule} now"
            for name in behind
            for rule, more in left_out[name].items()
        ]
        return Evidence("; ".join(counts), tuple(behind)) if behind else None

    def ended(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """The number of those whose last day is over, if they are half of the loss or more."""
        if guard != "removed" or loss is None or 2 * loss.ended < max(loss.count, 1):
            return None
        return Evidence(f"{loss.ended:,}", (loss.directory,) if loss.directory else ())

    def removed_attribute(self, _guard: Guard, loss: Measure | None) -> Evidence | None:
        """The attribute, if the rules no longer have it."""
        return Evidence(str(loss.attribute)) if loss and not loss.known else None

    def changed_rules(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """That the rules have changed, if no lost account explains the loss."""
        # Rules decide how accounts are used, not whether they exist.
        of_accounts = loss is not None and guard == "removed" and bool(loss.directory)
        explained = guard.startswith("removed") and any(
            held.guard == "removed" and held.directory for held in self.held
        )
        changed = self.circumstances.rules_changed and not of_accounts and not explained
        return Evidence("") if changed else None

    def changed_match_keys(self, guard: Guard, _loss: Measure | None) -> Evidence | None:
        """Attributes of directories that changed, for a decrease of correlation."""
        if guard != "correlation":
            return None
        changed = [held for held in self.held if held.directory and held.attribute]
        keys = sorted({f"{held.directory}'s {held.attribute}" for held in changed})
        return Evidence(", ".join(keys), _directories(changed)) if keys else None

    def lost_members(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """Losses of accounts, if most of the lost memberships were these accounts'."""
        if guard != "removed_memberships" or loss is None or 2 * loss.by_removed < loss.count:
            return None
        memberships = self._own(guard, None)
        affected = {own.directory for own in memberships if own.by_removed}
        removed = self._own("removed", loss.directory)
        return _beyond(own for own in removed if own.directory in affected or not memberships)

    def losses_of_directories(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """The same losses in directories, if they exceed their limits."""
        if loss is None or loss.directory:
            return None
        return _beyond(self._own(guard, None, loss.attribute))

    def one_directory(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """The loss of the one directory that has nearly all of it."""
        if loss is None or loss.directory:
            return None
        own = self._own(guard, None, loss.attribute)
        most = max(own, key=lambda other: other.count, default=None)
        total = sum(other.count for other in own)
        nearly_all = most and len(own) > 1 and most.count >= NEARLY_ALL * total > 0
        return _evidence([most]) if most and nearly_all else None

    def lost_accounts(self, guard: Guard, loss: Measure | None) -> Evidence | None:
        """Directories that lost accounts, and with them the values that only these had."""
        if guard != "correlation" and (guard not in BY_ATTRIBUTE or (loss and loss.directory)):
            return None
        return _evidence([held for held in self.held if held.guard == "removed" and held.directory])

    def _behind(self, guard: Guard, loss: Measure | None, names: Iterable[str]) -> list[str]:
        """Those of the directories that explain a loss: it is their own, or nearly all of the loss of people.

        A directory that has lost almost nothing itself does not explain a loss of people.
        """
        if loss and loss.directory:
            return [name for name in names if name == loss.directory]
        # If an account is removed, its values and its links to other accounts are removed, too.
        measure: Guard = guard if guard.startswith("removed") else "removed"
        lost = {own.directory: own.count for own in self._own(measure, None)}
        behind = [name for name in names if lost.get(name)]
        same = self._own(guard, None, loss.attribute) if loss else self._own(measure, None)
        theirs = sum(lost[name] for name in behind)
        others = sum(own.count for own in same if own.directory not in behind)
        whole = loss.count if loss else theirs + others
        most = NEARLY_ALL * whole
        return behind if theirs >= most and others <= whole - most else []

    def _own(
        self, guard: Guard, directory: str | None, attribute: str | None = None
    ) -> list[Measure]:
        """The losses of each directory itself, or of one directory."""
        return [
            other
            for other in self.losses
            if other.directory
            and directory in (None, other.directory)
            and (other.guard, other.attribute) == (guard, attribute)
        ]


def _beyond(losses: Iterable[Measure]) -> Evidence | None:
    """The losses that exceed their limits."""
    return _evidence([loss for loss in losses if loss.exceeds])


def _evidence(losses: Sequence[Measure]) -> Evidence | None:
    found = "; ".join(loss.found for loss in losses)
    return Evidence(found, _directories(losses)) if losses else None


def _directories(losses: Iterable[Measure]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(loss.directory for loss in losses if loss.directory))


Finder = Callable[[CauseFinder, Guard, Measure | None], Evidence | None]

CAUSES: tuple[tuple[Cause, Finder, str], ...] = (
    ("directory_missing", CauseFinder.missing_directories, "{}."),
    (
        "scope_changed",
        CauseFinder.changed_scopes,
        "the scope or the address of {} was changed since {since}; people outside of it are gone.",
    ),
    ("left_out", CauseFinder.left_out_users, "{}."),
    ("ended", CauseFinder.ended, f"{{}} {ENDED}"),
    (
        "rules_changed",
        CauseFinder.removed_attribute,
        "the organization file no longer has the attribute {}.",
    ),
    (
        "rules_changed",
        CauseFinder.changed_rules,
        "the rules were changed since {since}; `opensense-okta preview` shows what they do.",
    ),
    (
        "directory",
        CauseFinder.changed_match_keys,
        "{} changed, and accounts may be matched by it.",
    ),
    ("directory", CauseFinder.lost_members, "{}: the cause is there."),
    ("directory", CauseFinder.losses_of_directories, "{}: the cause is there."),
    (
        "directory",
        CauseFinder.one_directory,
        "{}; the other directories lost almost nothing.",
    ),
    ("directory", CauseFinder.lost_accounts, "{}: what only these accounts had is gone, too."),
)
"""Each possible cause with its evidence and its sentence; the first row that applies counts."""
