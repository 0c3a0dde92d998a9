"""Users of the UI whose passwords are verified fast."""

from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

PASSWORD = "correct horse"


def cheap(password: str) -> str:
    """A hash that takes a microsecond."""
    derivation = Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=8)
    return derivation.derive_phc_encoded(password.encode())


HASH = cheap(PASSWORD)


def write_users(file: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Writes a password file with these rights."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
