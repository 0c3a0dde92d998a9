"""A Redis server on loopback, started by the tests from the Debian package."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.dagster_servers import until

PASSWORD = "a-secret-of-the-broker"
NO_SERVER = "Redis is not installed (Debian: redis-server)"


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Runs Redis until the block ends, and yields its URL; skips the test where it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(NO_SERVER)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = folder / "redis.conf"
    settings.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {PASSWORD}\nsave ''\ndir {folder}\nappendonly no\n"
    )
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([program, settings], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), seconds=30)
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
