"""Sessions: signed cookies.

The key is made when the program starts and is stored nowhere, so nobody finds it on a disk or in a backup. A
restart ends all sessions, and a cookie of another start or port is worth nothing.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

DURATION: Final = timedelta(hours=12)
ALGORITHM: Final = "HS256"
CLAIMS: Final = jwt.JWTClaimsRegistry(exp={"essential": True}, jti={"essential": True})


@dataclass(frozen=True)
class Session:
    """A session that has not ended.

    Attributes:
        id: random.
        name: of the user; None: who opened the link of this start.
        end: seconds since 1970.
    """

    id: str
    name: str | None
    end: int


class Sessions:
    """Begins, recognizes and ends sessions."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._key = OctKey.import_key(self._secret)
        self._ended: dict[str, int] = {}

    def begin(self, name: str | None, known: str) -> str:
        """The cookie of a new session.

        Args:
            name: of the user.
            known: the hash of the user's password: the session ends when it is replaced.
        """
        claims = {
            "jti": secrets.token_urlsafe(16),
            "exp": int(time.time() + DURATION.total_seconds()),
            "known": self.digest(known),
            **({} if name is None else {"sub": name}),
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key)

    def find(self, cookie: str, known: Callable[[str | None], str | None]) -> Session | None:
        """The session of a cookie; None: there is none, or it has ended.

        Args:
            cookie: as a browser sent it.
            known: finds the hash of a user's password; None: there is no such user.
        """
        try:
            claims = jwt.decode(cookie, self._key, algorithms=[ALGORITHM]).claims
            CLAIMS.validate(claims)
        except (JoseError, ValueError):
            return None
        session = Session(claims["jti"], claims.get("sub"), claims["exp"])
        current = known(session.name)
        if current is None or claims["known"] != self.digest(current):
            return None
        return None if session.id in self._ended else session

    def finish(self, session: Session) -> None:
        """Ends a session, also for a copy of its cookie."""
        now = time.time()
        self._ended = {key: end for key, end in self._ended.items() if end > now}
        self._ended[session.id] = session.end

    def digest(self, *parts: str) -> str:
        """A digest that only this start can make."""
        text = "\0".join(parts).encode()
        return hmac.digest(self._secret, text, "sha256").hex()
