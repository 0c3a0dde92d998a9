"""The likely cause of a loss: a missing directory, a changed scope or rule, or another loss."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from opensense_okta.publishing.guards.measures import Measure
from opensense_okta.publishing.guards.model import BY_ATTRIBUTE, Cause, Guard, GuardContext

NEARLY_ALL = 0.9  # the share of a loss that a directory must explain to be named as its cause

UNKNOWN: Mapping[Guard, str] = {
    "removed": "people really left, or only a part of them was listed, as in a file that is half there,"
    " or to an administrator with a restricted role.",
    "removed_memberships": "a large group was deleted or emptied, or its members can no longer be read.",
    "blanked": "the field was emptied or renamed in the directory, or may no longer be read.",
    "rewritten": "the field was changed for everybody in the directory, or another field is read now.",
    "correlation": "the values that accounts are matched by no longer agree between the directories.",
}


@dataclass(frozen=True)
class CauseFinder:
    """Finds the likely cause of a loss in the table `CAUSES`.

    The methods of the table return their evidence; empty or false: the row does not apply. `loss` is
    None for a decrease of correlation.

    Attributes:
        held: the losses that exceed their limits.
        losses: all losses.
    """

    circumstances: GuardContext
    held: tuple[Measure, ...]
    losses: tuple[Measure, ...]

    def cause(self, guard: Guard, loss: Measure | None) -> tuple[Cause, str]:
        """The likely cause of a loss, or of a decrease of correlation (`loss` is None), and its text."""
        for cause, evidence_of, sentence in CAUSES:
            evidence = evidence_of(self, guard, loss)
            if evidence:
                return cause, sentence.format(evidence, since=self.circumstances.since)
        return "unknown", UNKNOWN[guard]

    def missing_directories(self, guard: Guard, loss: Measure | None) -> str:
        """Directories that were not read, or that the rules no longer have, and that explain the loss."""
        sources = self.circumstances.sources
        missing = [name for name, source in sources.items() if source.before and source.missing]
        gone = self._behind(guard, loss, missing)
        unread = ", ".join(name for name in gone if sources[name].configured)
        removed = ", ".join(name for name in gone if not sources[name].configured)
        since = self.circumstances.since
        texts = [
            f"{unread} was published on {since}, and was not read" if unread else "",
            f"the rules no longer have {removed}" if removed else "",
        ]
        return "; ".join(filter(None, texts))

    def changed_scopes(self, guard: Guard, loss: Measure | None) -> str:
        """Directories whose scope has changed, and that explain the loss."""
        # Accounts out of scope are missing; the values of the other accounts do not change.
        if loss and loss.directory and guard in BY_ATTRIBUTE:
            return ""
        return ", ".join(self._behind(guard, loss, self.circumstances.scope_changed))

    def removed_attribute(self, _guard: Guard, loss: Measure | None) -> str:
        """The attribute, if the rules no longer have it."""
        return str(loss.attribute) if loss and not loss.known else ""

    def changed_rules(self, guard: Guard, loss: Measure | None) -> bool:
        """Whether the rules have changed, and no lost account explains the loss."""
        # Rules decide how accounts are used, not whether they exist.
        of_accounts = loss is not None and guard == "removed" and bool(loss.directory)
        explained = guard.startswith("removed") and any(
            held.guard == "removed" and held.directory for held in self.held
        )
        return self.circumstances.rules_changed and not of_accounts and not explained

    def changed_match_keys(self, guard: Guard, _loss: Measure | None) -> str:
        """Attributes of directories that changed, for a decrease of correlation."""
        if guard != "correlation":
            return ""
        changed = {
            f"{held.directory}'s {held.attribute}"
            for held in self.held
            if held.directory and held.attribute
        }
        return ", ".join(sorted(changed))

    def lost_members(self, guard: Guard, loss: Measure | None) -> str:
        """Losses of people or accounts that explain the loss of their memberships."""
        if guard != "removed_memberships":
            return ""
        return self._beyond("removed", loss.directory if loss else None)

    def losses_of_directories(self, guard: Guard, loss: Measure | None) -> str:
        """The same losses in directories, if they exceed their limits."""
        if loss is None or loss.directory:
            return ""
        return self._beyond(guard, None, loss.attribute)

    def one_directory(self, guard: Guard, loss: Measure | None) -> str:
        """The loss of the one directory that has nearly all of it."""
        if loss is None or loss.directory:
            return ""
        own = self._own(guard, None, loss.attribute)
        most = max(own, key=lambda other: other.count, default=None)
        total = sum(other.count for other in own)
        nearly_all = most and len(own) > 1 and most.count >= NEARLY_ALL * total > 0
        return most.found if most and nearly_all else ""

    def lost_accounts(self, guard: Guard, loss: Measure | None) -> str:
        """Directories that lost accounts, and with them the values that only these had."""
        if guard != "correlation" and (guard not in BY_ATTRIBUTE or (loss and loss.directory)):
            return ""
        gone = (held for held in self.held if held.guard == "removed" and held.directory)
        return "; ".join(held.found for held in gone)

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

    def _beyond(self, guard: Guard, directory: str | None, attribute: str | None = None) -> str:
        """The losses of `_own` that exceed their limits."""
        beyond = (other for other in self._own(guard, directory, attribute) if other.exceeds)
        return "; ".join(other.found for other in beyond)


Evidence = Callable[[CauseFinder, Guard, Measure | None], str | bool]

CAUSES: tuple[tuple[Cause, Evidence, str], ...] = (
    ("directory_missing", CauseFinder.missing_directories, "{}."),
    (
        "scope_changed",
        CauseFinder.changed_scopes,
        "the scope or the address of {} was changed since {since}; who is outside of it is gone.",
    ),
    (
        "rules_changed",
        CauseFinder.removed_attribute,
        "the rules no longer have the attribute {}.",
    ),
    (
        "rules_changed",
        CauseFinder.changed_rules,
        "the rules were changed since {since}; `opensense-okta preview` shows what they do.",
    ),
    (
        "directory",
        CauseFinder.changed_match_keys,
        "{} changed, see there; accounts may be matched by it.",
    ),
    ("directory", CauseFinder.lost_members, "{}: the cause is there."),
    ("directory", CauseFinder.losses_of_directories, "{}: the cause is there."),
    (
        "directory",
        CauseFinder.one_directory,
        "{}; the other directories lost next to nothing.",
    ),
    ("directory", CauseFinder.lost_accounts, "{}: what only they had is gone with them."),
)
"""Each possible cause with its evidence and its sentence; the first row that applies counts."""
