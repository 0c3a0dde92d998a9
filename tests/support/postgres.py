"""A PostgreSQL server on loopback, started by the tests from the Debian package."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

SUPERUSER, PASSWORD = "postgres", "a-secret-of-the-database"
NO_SERVER = "PostgreSQL is not installed (Debian: postgresql)"
SETTINGS = (
    *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
    *("-c", "max_connections=200", "-c", "shared_buffers=16MB"),
)


@dataclass(frozen=True)
class Postgres:
    """A server that is running."""

    port: int
    folder: Path

    def url(self, database: str = "postgres") -> str:
        """The URL of a database, as SQLAlchemy and Dagster take it."""
        return f"postgresql+psycopg2://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, **values: str) -> int | None:
        """Runs a statement of an administrator, and returns the first value of a query."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            result = connection.execute(text(statement), values)
            value: int | None = result.scalar() if result.returns_rows else None
            return value

    def end_sessions(self, name: str) -> None:
        """Ends the connections of a name."""
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"
        )
        self.run(ended, name=name)

    def session(self, name: str) -> int | None:
        """The process of the connection of a name; None: there is none."""
        found = "SELECT pid FROM pg_stat_activity WHERE application_name = :name"
        return self.run(found, name=name)

    def new_database(self, name: str) -> str:
        """Makes a database and returns its URL."""
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def restart(self) -> None:
        """Restarts the server; all connections end."""
        data = str(self.folder / "data")
        _as_postgres("pg_ctl", "restart", "-w", "-s", "-m", "fast", "-D", data)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Runs PostgreSQL until the block ends; skips the test where it is not installed."""
    if not _program("initdb").is_file():
        pytest.skip(NO_SERVER)
    folder = Path(tempfile.mkdtemp(prefix="opensense-postgres-"))
    data, port = folder / "data", _free_port()
    (folder / "password").write_text(PASSWORD)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, SUPERUSER)
    try:
        first = ("-D", str(data), "-U", SUPERUSER, "--auth=scram-sha-256", "--no-sync")
        _as_postgres("initdb", *first, "--no-instructions", f"--pwfile={folder / 'password'}")
        options = " ".join([*SETTINGS, "-p", str(port), "-k", str(folder)])
        start = ("start", "-w", "-s", "-D", str(data), "-l", str(folder / "log"), "-o", options)
        _as_postgres("pg_ctl", *start)
        try:
            yield Postgres(port, folder)
        finally:
            _as_postgres("pg_ctl", "stop", "-s", "-m", "immediate", "-D", str(data))
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> Path:
    """A program of the newest version; Debian keeps them off the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return installed[-1] if installed else Path("/missing", name)


def _as_postgres(program: str, *arguments: str) -> None:
    """Runs a program as the user postgres if this is root, whom PostgreSQL refuses."""
    prefix = ["runuser", "-u", SUPERUSER, "--"] if getpass.getuser() == "root" else []
    command = [*prefix, str(_program(program)), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
