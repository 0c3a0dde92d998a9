"""The users of the UI: a file of lines `name:hash`, where a hash is Argon2id in the PHC string format."""

import os
import re
import secrets
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from opensense_okta.config.errors import UserError
from opensense_okta.storage.files import atomic_write

MEMORY, ITERATIONS, LANES = 19_456, 2, 1
"""KiB, passes and threads: the least that OWASP's Password Storage Cheat Sheet recommends for Argon2id."""

SHORTEST, LONGEST = 8, 256
"""Characters of a password. The shortest as NIST SP 800-63B; a longest, because a request may bring it."""

NAME: Final = re.compile(r"[\w.@+-]{1,64}")
HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=[1-9]\d{0,5},t=[1-9]\d?,p=[1-9]\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,86}"
)
OTHERS: Final = 0o077
LARGEST: Final = 1_000_000  # bytes


class PasswordFileMistake(UserError):
    """The password file cannot be used. The message names the line, never its hash."""


class PasswordFile:
    """The users in a file; it is read again when it has changed.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int, int] | None = None
        self._users: Mapping[str, str] = {}

    def users(self) -> Mapping[str, str]:
        """The hash of each user, by name.

        Raises:
            PasswordFileMistake: see `read_users`.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from None
        seen = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if seen != self._seen:
            self._seen = None
            self._users = read_users(self.path)
            self._seen = seen
        return self._users


def read_users(path: Path) -> dict[str, str]:
    """The hash of each user in a file, by name.

    Raises:
        PasswordFileMistake: the file cannot be read, others can read it, it has no user, or a line has a
            mistake.
    """
    users = _users(_text(path), path)
    if not users:
        raise PasswordFileMistake(
            f"The password file {path} has no user.",
            impact="Nobody can sign in.",
            remedy="add one with `opensense-okta ui-password NAME`.",
        )
    return users


def set_password(path: Path, name: str, password: str) -> bool:
    """Adds a user to a file, or replaces the password of one; whether the user is new.

    Raises:
        PasswordFileMistake: the file has a mistake, or cannot be written.
    """
    text = "" if _is_missing(path) else _text(path)
    new = name not in _users(text, path)
    kept = [line for line in text.splitlines() if line.partition(":")[0].strip() != name]
    try:
        atomic_write(path.resolve(), "\n".join([*kept, f"{name}:{hashed(password)}", ""]).encode())
    except OSError as error:
        raise PasswordFileMistake(
            f"The password file {path} cannot be written: {error.strerror}.",
            remedy="correct OPENSENSE_UI_PASSWORD_FILE, or the rights of the folder.",
        ) from None
    return new


def hashed(password: str) -> str:
    """The hash of a password, with a salt of its own."""
    derivation = Argon2id(
        salt=secrets.token_bytes(16),
        length=32,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY,
    )
    return derivation.derive_phc_encoded(_bytes(password))


def is_password(password: str, known: str) -> bool:
    """Whether a password has this hash. Takes as long as the hash was made to take."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), known)
    except (InvalidKey, ValueError):  # ValueError: too little memory for the threads
        return False
    return True


def _bytes(password: str) -> bytes:
    """A password as bytes: keyboards write the same letter in several ways."""
    return unicodedata.normalize("NFC", password).encode()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError:
        text = None
    if text is None or len(content) > LARGEST:
        raise PasswordFileMistake(
            f"{path} is no password file: it is too long, or not UTF-8 text.",
            impact="Nobody can sign in.",
            remedy="correct OPENSENSE_UI_PASSWORD_FILE: `opensense-okta ui-password NAME` makes the file.",
        )
    if mode & OTHERS:
        raise PasswordFileMistake(
            f"Other users of this machine may read or change the password file {path} (mode {mode:o}).",
            impact="Nobody can sign in.",
            remedy=f"run `chmod 600 {path}`. Set new passwords if somebody may have read it.",
        )
    return text


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass  # reading names the fault
    return False


def _unreadable(path: Path, error: OSError) -> PasswordFileMistake:
    return PasswordFileMistake(
        f"The password file {path} cannot be read: {error.strerror}.",
        impact="Nobody can sign in.",
        remedy="correct OPENSENSE_UI_PASSWORD_FILE, or add a user with `opensense-okta ui-password NAME`.",
    )


def _users(text: str, path: Path) -> dict[str, str]:
    users: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, known = (part.strip() for part in line.partition(":"))
        if not colon:
            raise _mistake(path, number, "is not `name:hash`")
        if not NAME.fullmatch(name):
            raise _mistake(
                path, number, "has a name with other characters than letters, digits and .@+-_"
            )
        if name in lines:
            raise _mistake(path, number, f"has the same name as line {lines[name]}")
        if not HASH.fullmatch(known):
            raise _mistake(path, number, "has no hash that `opensense-okta ui-password` makes")
        users[name], lines[name] = known, number
    return users


def _mistake(path: Path, number: int, fault: str) -> PasswordFileMistake:
    return PasswordFileMistake(
        f"{path}, line {number}: the line {fault}.",
        impact="Nobody can sign in.",
        remedy="delete the line, and add its user with `opensense-okta ui-password NAME`.",
    )
