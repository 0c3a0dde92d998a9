"""The likely cause of a loss: a missing directory, a changed scope or rule, or another loss."""

from collections.abc import Iterable, Mapping
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
    """Finds the likely cause of a loss.

    Attributes:
        held: the losses that exceed their limits.
        losses: all losses.
    """

    circumstances: GuardContext
    held: tuple[Measure, ...]
    losses: tuple[Measure, ...]

    def cause(self, guard: Guard, loss: Measure | None) -> tuple[Cause, str]:
        """The likely cause of a loss, or of a decrease of correlation (`loss` is None), and its text."""
        candidates: list[tuple[Cause, str]] = [
            ("directory_missing", self._vanished(guard, loss)),
            ("scope_changed", self._scope(guard, loss)),
            ("rules_changed", self._rules(guard, loss)),
            ("directory", self._directory(guard, loss)),
            ("unknown", UNKNOWN[guard]),
        ]
        return next((cause, words) for cause, words in candidates if words)

    def _vanished(self, guard: Guard, loss: Measure | None) -> str:
        sources = self.circumstances.sources
        missing = [name for name, source in sources.items() if source.before and source.missing]
        gone = self._behind(guard, loss, missing)
        words = {
            f"{{}} was published on {self.circumstances.since}, and was not read": [
                name for name in gone if sources[name].configured
            ],
            "the rules no longer have {}": [name for name in gone if not sources[name].configured],
        }
        said = "; ".join(text.format(_listed(names)) for text, names in words.items() if names)
        return f"{said}." if said else ""

    def _scope(self, guard: Guard, loss: Measure | None) -> str:
        # Accounts out of scope are missing; the values of the other accounts do not change.
        if loss and loss.directory and guard in BY_ATTRIBUTE:
            return ""
        names = self._behind(guard, loss, self.circumstances.scope_changed)
        if not names:
            return ""
        return (
            f"the scope or the address of {_listed(names)} was changed since"
            f" {self.circumstances.since}; who is outside of it is gone."
        )

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

    def _rules(self, guard: Guard, loss: Measure | None) -> str:
        if loss and not loss.known:
            return f"the rules no longer have the attribute {loss.attribute}."
        # Rules decide how accounts are used, not whether they exist.
        of_accounts = loss is not None and guard == "removed" and bool(loss.directory)
        explained = guard.startswith("removed") and any(
            held.guard == "removed" and held.directory for held in self.held
        )
        if not self.circumstances.rules_changed or of_accounts or explained:
            return ""
        return (
            f"the rules were changed since {self.circumstances.since};"
            " `opensense-okta preview` shows what they do."
        )

    def _directory(self, guard: Guard, loss: Measure | None) -> str:
        """The text on the directory whose own loss explains the loss of people; empty: none does."""
        if guard == "correlation":
            keys = {
                f"{h.directory}'s {h.attribute}" for h in self.held if h.directory and h.attribute
            }
            words = "changed, see there; accounts may be matched by it."
            return f"{_listed(sorted(keys))} {words}" if keys else self._accounts_gone()
        directory, attribute = (loss.directory, loss.attribute) if loss else (None, None)
        if guard == "removed_memberships" and (gone := self._beyond("removed", directory)):
            return gone  # a person who left has no memberships any more
        if directory:
            return ""
        if found := self._beyond(guard, None, attribute):
            return found
        own = self._own(guard, None, attribute)
        most = max(own, key=lambda other: other.count, default=None)
        total = sum(other.count for other in own)
        if most and len(own) > 1 and most.count >= NEARLY_ALL * total > 0:
            return f"{most.found}; the other directories lost next to nothing."
        return self._accounts_gone() if guard in BY_ATTRIBUTE else ""

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
        """The text on the losses of `_own` that exceed their limits; empty: none does."""
        explains = [other for other in self._own(guard, directory, attribute) if other.exceeds]
        return (
            f"{'; '.join(other.found for other in explains)}: the cause is there."
            if explains
            else ""
        )

    def _accounts_gone(self) -> str:
        """The text on directories whose accounts are gone, with the values that only they had."""
        gone = [held.found for held in self.held if held.guard == "removed" and held.directory]
        return f"{'; '.join(gone)}: what only they had is gone with them." if gone else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
