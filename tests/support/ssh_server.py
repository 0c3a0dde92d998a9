"""A real SSH server: OpenSSH's sshd on loopback, with keys of its own."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp {options}
"""


@dataclass(frozen=True)
class SshServer:
    """A server that is running.

    Attributes:
        home: of a user with a key that it accepts, and with a known_hosts file that names it.
    """

    port: int
    home: Path
    host_key: str

    def url(self, path: Path) -> str:
        """The URL of a file's absolute path."""
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


@contextmanager
def serve(
    folder: Path, *, options: str = "", largest_file: int | None = None
) -> Iterator[SshServer]:
    """Runs sshd until the block ends; skips the test where it is not installed.

    Args:
        folder: an empty one for its files.
        options: of `internal-sftp`.
        largest_file: in KiB; a session that writes more is killed by the system in the middle.
    """
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    if os.geteuid() == 0:  # sshd of root leaves its rights there; systemd makes it elsewhere
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port, home = _free_port(), folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    host_key = new_key(folder / "host_key")
    (folder / "authorized_keys").write_text(new_key(home / ".ssh" / "id_ed25519"))
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(port=port, folder=folder, options=options))
    command = f'ulimit -f {largest_file or "unlimited"}; exec "$0" -D -e -f "$1"'
    with subprocess.Popen(
        ["bash", "-c", command, sshd, config], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _wait_until_it_listens(process)
            yield SshServer(port, home, host_key)
        finally:
            process.terminate()


def new_key(path: Path) -> str:
    """Makes a pair of keys; returns the public one."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True
    )
    kind, key = path.with_name(f"{path.name}.pub").read_text().split()[:2]
    return f"{kind} {key}\n"


def _wait_until_it_listens(process: subprocess.Popen[str]) -> None:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if "Server listening" in line:
            return
    raise AssertionError("".join(said))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
