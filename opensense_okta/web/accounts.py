"""Who may sign in: the users of the password file, or, without one, the person with the link of this start.

Wrong passwords wait behind each other, so that guessing is slow whatever the number of connections. A right
one does not wait.
"""

import asyncio
import hmac
import secrets
import time
import unicodedata
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from opensense_okta.web.forms import is_token
from opensense_okta.web.passwords import LONGEST, PasswordFile, is_password

DELAY: Final = 1.0  # seconds that each wrong password waits, after those before it
MOST_WAITING: Final = 100
AT_ONCE: Final = 2  # verifications: each takes a processor for a tenth of a second, and 19 MB
REMEMBERED: Final = timedelta(minutes=5)
"""How long a right password is recognized without hashing: scripts send it with each request."""


class TooManyAttempts(Exception):
    """So many wrong passwords wait that no other is verified."""


class Accounts:
    """The users, or the link of this start.

    Attributes:
        link_token: the secret part of the link; empty if there are users.
    """

    def __init__(
        self,
        file: PasswordFile | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.link_token = "" if file else secrets.token_urlsafe(32)
        self._file = file
        self._secret = secrets.token_bytes(32)
        self._right: dict[str, tuple[bytes, float]] = {}
        self._attempts = Attempts(sleep)

    @property
    def named(self) -> bool:
        """Whether there are users; else there is the link."""
        return self._file is not None

    def known(self, name: str | None) -> str | None:
        """The hash of a user's password, or the link's token for no name; None: there is no such user.

        Raises:
            PasswordFileMistake: the file cannot be used.
        """
        if self._file is None:
            return self.link_token if name is None else None
        return None if name is None else self._file.users().get(name)

    async def admit(self, given: str, password: str) -> tuple[str | None] | None:
        """The user's name, if the password is right; without users the password is the link's token.

        Returns:
            The name in a tuple: it is None if there are no users. None: the password is wrong.

        Raises:
            PasswordFileMistake: the file cannot be used.
            TooManyAttempts: too many wrong ones wait.
        """
        if self._file is None:
            return (None,) if is_token(password, self.link_token) else None
        name = unicodedata.normalize("NFC", given)
        users = self._file.users()
        known = users.get(name) or next(iter(users.values()))  # an unknown user takes as long
        mark = hmac.digest(self._secret, f"{name}\0{password}\0{known}".encode(), "sha256")
        remembered, until = self._right.get(name, (b"", 0.0))
        if name in users and hmac.compare_digest(remembered, mark) and time.time() < until:
            return (name,)

        def verified() -> bool:
            return len(password) <= LONGEST and is_password(password, known) and name in users

        if not await self._attempts.succeeds(verified):
            return None
        self._right[name] = (mark, time.time() + REMEMBERED.total_seconds())
        return (name,)


class Attempts:
    """Verifies a few passwords at once, apart from the event loop; what fails waits."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._line = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._unfinished = 0

    async def succeeds(self, verified: Callable[[], bool]) -> bool:
        """Whether an attempt is right. A wrong one returns after those before it have waited.

        Raises:
            TooManyAttempts: too many wrong ones wait.
        """
        if self._unfinished >= MOST_WAITING:
            raise TooManyAttempts
        self._unfinished += 1
        try:
            async with self._slots:
                right = await asyncio.to_thread(verified)
            if not right:
                async with self._line:
                    await self._sleep(DELAY)
        finally:
            self._unfinished -= 1
        return right
