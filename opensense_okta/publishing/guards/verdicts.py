"""Makes a verdict of a measured loss."""

from typing import TypedDict

from opensense_okta.publishing.guards.causes import LikelyCause
from opensense_okta.publishing.guards.measures import Measure
from opensense_okta.publishing.guards.model import Cause, Verdict


def verdict_on(
    loss: Measure,
    *,
    found: str,
    message: str,
    attribute: str | None = None,
    cause: LikelyCause | None = None,
) -> Verdict:
    """The verdict on a loss; without a cause the loss is within its limits."""
    return Verdict(
        name=loss.guard,
        directory=loss.directory,
        attribute=attribute,
        passed=cause is None,
        count=loss.count,
        of=loss.of,
        percent=round(loss.percent, 2),
        limits=loss.limits,
        message=message,
        found=found,
        exceeds=loss.exceeds,
        of_export=loss.left_out is not None,
        **explained(cause),
    )


class Explained(TypedDict):
    """The fields of a verdict that say why."""

    cause: Cause | None
    because: str
    directories: tuple[str, ...]


def explained(cause: LikelyCause | None) -> Explained:
    """The fields of a verdict that say why it did not pass."""
    if cause is None:
        return {"cause": None, "because": "", "directories": ()}
    return {"cause": cause.kind, "because": cause.words, "directories": cause.directories}
