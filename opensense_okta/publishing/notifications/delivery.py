"""Messages to the places that people look at, through the apprise library.

The URL of such a place is a secret: it is read when it is needed, and neither apprise nor the HTTP
library below it may log anything, because both quote URLs or parts of them.
"""

import logging
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from opensense_okta.config.secret import Secret, SecretMissing
from opensense_okta.publishing.notifications.state import Outbox

if TYPE_CHECKING:
    from apprise import Apprise

PATIENCE: Final = timedelta(seconds=20)
"""How long all targets together may take; Dagster gives a sensor a minute for everything."""

_QUIET_LOGGERS: Final = ("apprise", "urllib3", "requests")
_LEVELS: Final = {
    "failed": "failure",
    "held": "warning",
    "late": "warning",
    "normal": "success",
}


@dataclass(frozen=True)
class Delivery:
    """What became of a target's messages.

    Attributes:
        delivered: how many, of the first ones.
        trouble: why not all, without the URL; None: all were.
    """

    delivered: int
    trouble: str | None = None


def deliver(posts: Sequence[Outbox], timeout: timedelta = PATIENCE) -> list[Delivery]:
    """Delivers all posts side by side, each one's letters in their order up to the first that fails.

    Whether a target has a URL is found out without letters, too, before anybody needs it. A target
    that has not answered in time counts as not reached, and may get a message twice.

    Args:
        posts: what is to be delivered, and where.
        timeout: after how long the targets that have not answered are given up.
    """
    if any(post.letters for post in posts):
        _load()
    journeys = [_DeliveryThread(post) for post in posts]
    for journey in journeys:
        journey.start()
    deadline = time.monotonic() + timeout.total_seconds()
    for journey in journeys:
        journey.join(max(0.0, deadline - time.monotonic()))
    return [journey.outcome() for journey in journeys]


class _DeliveryThread(threading.Thread):
    """One target's letters on their way; a daemon, so that a target that hangs holds nothing up."""

    def __init__(self, post: Outbox) -> None:
        super().__init__(name=f"notify-{post.number}", daemon=True)
        self._post = post
        self._delivered = 0
        self._trouble: str | None = "did not answer in time"

    def run(self) -> None:
        try:
            self._trouble = self._go()
        except SecretMissing as error:
            self._trouble = f"has no URL: {error}"
        except Exception as error:  # noqa: BLE001  # each of apprise's plugins has exceptions of its own
            # Their texts may quote the URL; the class says enough.
            self._trouble = f"did not take a message ({type(error).__name__})"

    def outcome(self) -> Delivery:
        """What has become of the letters so far."""
        delivered = self._delivered
        all_there = self._post.letters and delivered == len(self._post.letters)
        return Delivery(delivered, None if all_there else self._trouble)

    def _go(self) -> str | None:
        if not self._post.letters:
            self._post.target.reveal()
            return None
        target = _addressed(self._post.target)
        if target is None:
            return f"is not a URL that apprise understands ({self._post.target})"
        for letter in self._post.letters:
            taken = target.notify(
                title=letter.subject,
                body=letter.body,
                notify_type=_LEVELS[letter.kind],
                body_format="text",
            )
            if not taken:
                return "did not take a message"
            self._delivered += 1
        return None


def _load() -> None:
    """Loads the library with its hundreds of plugins, which takes seconds, and silences it."""
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plugins that nobody uses here warn of old modules
        from apprise import Apprise  # noqa: PLC0415  # only who has something to say waits for it

        Apprise().add("json://127.0.0.1")  # the first URL loads the plugins, once in a process


def _addressed(secret: Secret) -> "Apprise | None":
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415  # has been loaded

    # What is meant for one place goes nowhere else, as the directories' tokens do (invariant 6).
    asset = AppriseAsset(app_id="opensense-okta", http_redirects=False)
    target = Apprise(asset=asset)
    return target if target.add(secret.reveal()) and len(target) else None
