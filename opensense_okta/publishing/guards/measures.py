"""One measure of the guards: the loss, and whether it exceeds its limits."""

from pydantic import BaseModel, ConfigDict

from opensense_okta.config.models import BlankedGuard, Guards, RemovedGuard, RewrittenGuard
from opensense_okta.publishing.guards.model import BY_ATTRIBUTE, Guard

Limit = RemovedGuard | BlankedGuard | RewrittenGuard

HALF_OF = 3  # values or memberships; half of fewer is only one, which a person may change by hand
ALL_OF = 5  # values of one attribute; a person may clear fewer by hand


class Loss(BaseModel):
    """A loss, as `losses.sql` measures it.

    Attributes:
        gone: the part of `count` that does not exist any more; the rest is inactive.
        by_removed: the lost memberships whose person has no active account left in the group's directory.
        ended: the part of `count` whose last day, `end_date`, is over.
        staying: people, or accounts of the directory, that are active on both days.
        known: whether the attribute still exists.
        left_out: the part of `count` that is active and that the rules of the export leave out; None: it is
            not a loss of the export.
    """

    model_config = ConfigDict(frozen=True)

    guard: Guard
    directory: str | None
    attribute: str | None
    count: int
    of: int
    gone: int
    by_removed: int
    staying: int
    known: bool
    ended: int = 0
    left_out: int | None = None


class Measure(Loss):
    """A loss with the limit that applies to it."""

    limit: Limit

    @property
    def percent(self) -> float:
        """The loss in percent of the number before."""
        return 100 * self.count / self.of if self.of else 0.0

    @property
    def exceeds(self) -> str:
        """The limit that the loss exceeds, in words; empty if it exceeds none."""
        count, percent = self.limit.count, self.limit.percent
        by_attribute = self.guard in BY_ATTRIBUTE
        # An attribute that few people have may lose half of its values on an ordinary day.
        matters = not by_attribute or self.count > percent / 100 * self.staying
        most = self.limit.max if isinstance(self.limit, RemovedGuard) else None
        if self.count == self.of and self.of >= (ALL_OF if by_attribute else 1):
            return "all of them"
        if self.count > count and self.percent > percent:
            return f"more than {count:,} and more than {percent:g} %"
        if self.guard == "removed" and most is not None and self.count > most:
            return f"more than {most:,}"
        few = self.of < (1 if self.guard == "removed" else HALF_OF)
        if not few and 2 * self.count >= self.of and matters:
            return "half of them or more"
        return ""

    @property
    def limits(self) -> dict[str, float]:
        """The limits that apply, by their names in the organization file."""
        # The `max` limit does not fit memberships: their number depends on the size of the groups.
        return self.limit.model_dump(exclude=set() if self.guard == "removed" else {"max"})

    @property
    def found(self) -> str:
        """The loss, as the beginning of a sentence."""
        whose = f"active accounts of {self.directory}" if self.directory else "active people"
        numbers = f"{self.count:,} of {self.of:,}"
        share = f"({self.percent:.1f} %)"
        match self.guard:
            case "removed" if self.left_out is not None:
                inactive = self.count - self.gone - self.left_out
                return (
                    f"{numbers} people of the export {share} are gone ({self.gone:,}), inactive"
                    f" ({inactive:,}) or left out by publish.people ({self.left_out:,})"
                )
            case "removed":
                inactive = self.count - self.gone
                return (
                    f"{numbers} {whose} {share} are gone ({self.gone:,}) or inactive ({inactive:,})"
                )
            case "blanked":
                return f"{self.attribute}: {numbers} values of {whose} {share} became blank"
            case "rewritten":
                return f"{self.attribute}: {numbers} values of {whose} {share} became other values"
        of = f" of {self.directory}" if self.directory else ""
        return f"{numbers} memberships{of} {share} are gone"

    @property
    def held_beyond(self) -> str:
        """The limits in words, as a sentence."""
        units = "accounts" if self.directory else "people"
        what, happens = {
            "removed": (units, "are gone or inactive"),
            "removed_memberships": ("memberships", "are gone"),
            "blanked": ("values", "of one attribute become blank"),
            "rewritten": ("values", "of one attribute become other values"),
        }[self.guard]
        both = f"more than {self.limit.count:,} {what} and more than {self.limit.percent:g} %"
        most = f", or more than {self.limits['max']:,} {what}," if "max" in self.limits else ""
        return f"Held back when {both}{most} {happens}."

    @property
    def within(self) -> str:
        """The loss of a guard that passed, as the beginning of a sentence."""
        if self.guard not in BY_ATTRIBUTE:
            return self.found
        if self.count:
            return f"{self.found}, the largest share of all attributes"
        whose = f"active accounts of {self.directory}" if self.directory else "active people"
        change = "became blank" if self.guard == "blanked" else "became another value"
        return f"no value of {whose} {change}"


def measure(loss: Loss, guards: Guards) -> Measure:
    """The loss with the limit of its directory, or with that of all people."""
    limits = guards if loss.directory is None else guards.of(loss.directory)
    match loss.guard:
        case "blanked":
            limit: Limit = limits.blanked
        case "rewritten":
            limit = limits.rewritten
        case "removed" | "removed_memberships":
            limit = limits.removed
        case unknown:
            raise ValueError(f"the guard {unknown} has no limits")
    return Measure(**dict(loss), limit=limit)
