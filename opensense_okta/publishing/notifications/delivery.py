"""Delivers notifications to their targets through the apprise library.

A target's URL is a secret: it is read when it is needed, and neither apprise nor the HTTP library below it
may log anything, because both quote URLs or parts of them.
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

DELIVERY_TIMEOUT: Final = timedelta(seconds=20)
"""For all targets together. Dagster gives a sensor one minute for everything."""

_QUIET_LOGGERS: Final = ("apprise", "urllib3", "requests")
_LEVELS: Final = {
    "failed": "failure",
    "held": "warning",
    "late": "warning",
    "unreadable": "failure",
    "file": "failure",
    "retention": "warning",
    "normal": "success",
}


@dataclass(frozen=True)
class Delivery:
    """The result of delivering a target's messages.

    Attributes:
        delivered: how many were delivered, counted from the first.
        trouble: why not all were, without the URL; None: all were.
    """

    delivered: int
    trouble: str | None = None


def deliver(posts: Sequence[Outbox], timeout: timedelta = DELIVERY_TIMEOUT) -> list[Delivery]:
    """Delivers to all targets in parallel, and to each target in order up to the first failure.

    A target without messages is checked, too: whether its URL can be read. A target that does not
    answer in time counts as not reached, and may receive a message twice.

    Args:
        posts: the messages of each target.
        timeout: for all targets together.
    """
    if any(post.messages for post in posts):
        _load()
    threads = [_DeliveryThread(post) for post in posts]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout.total_seconds()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.outcome() for thread in threads]


class _DeliveryThread(threading.Thread):
    """Delivers to one target. A daemon thread: an executor would wait at exit for a target that hangs."""

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
        """The result so far."""
        delivered = self._delivered
        all_there = self._post.messages and delivered == len(self._post.messages)
        return Delivery(delivered, None if all_there else self._trouble)

    def _go(self) -> str | None:
        if not self._post.messages:
            self._post.target.reveal()
            return None
        target = _apprise_target(self._post.target)
        if target is None:
            return f"is not a URL that apprise understands ({self._post.target})"
        for message in self._post.messages:
            taken = target.notify(
                title=message.subject,
                body=message.body,
                notify_type=_LEVELS[message.kind],
                body_format="text",
            )
            if not taken:
                return "did not take a message"
            self._delivered += 1
        return None


def _load() -> None:
    """Loads apprise with its hundreds of plugins, which takes seconds, and silences its logs."""
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plugins that nobody uses here warn of old modules
        from apprise import Apprise  # noqa: PLC0415  # takes seconds: only where there is a message

        Apprise().add("json://127.0.0.1")  # the first URL loads the plugins, once in a process


def _apprise_target(secret: Secret) -> "Apprise | None":
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415  # has been loaded

    # No redirects: a message goes to the configured host only, as tokens do (invariant 6).
    asset = AppriseAsset(app_id="opensense-okta", http_redirects=False)
    target = Apprise(asset=asset)
    return target if target.add(secret.reveal()) and len(target) else None
