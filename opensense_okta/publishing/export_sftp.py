"""Files to an SSH server: each uploaded beside its place, then renamed over what is there.

fsspec's own SFTP file system is not used: it trusts every host key it has not seen before, reads no
known_hosts file, has no time limits, and keeps connections for later that have long been closed.

Who we are and whom we trust is said where `ssh` looks for it too: keys in `~/.ssh` or in the SSH
agent, `~/.ssh/config`, and known_hosts. There is no place for a password.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import paramiko  # type: ignore[import-untyped]  # comes without types

from opensense_okta.publishing.export_failure import ExportFailed

TIMEOUT = 60  # seconds without an answer, for each step
KNOWN_TO_ALL = Path("/etc/ssh/ssh_known_hosts")
HOME = "/~/"  # at the beginning of a URL's path, as curl writes it


@dataclass(frozen=True)
class Server:
    """Where to connect and as whom, after `~/.ssh/config` has been asked.

    Attributes:
        user: None is the one this process runs as.
        keys: files of private keys beyond the default ones.
        known_hosts: files of host keys, beyond the default ones.
    """

    host: str
    port: int
    user: str | None
    keys: tuple[str, ...]
    known_hosts: tuple[Path, ...]

    def __str__(self) -> str:
        return self.host if self.port == 22 else f"{self.host}:{self.port}"


class _UnknownHostKey(Exception):
    """No known_hosts file has a key of the server."""


class _Refuse:
    """What paramiko asks about a host without a known key."""

    def missing_host_key(self, _client: object, _host: str, key: paramiko.PKey) -> NoReturn:
        raise _UnknownHostKey(_described(key))


def upload(files: Sequence[Path], url: str) -> None:
    """Puts files into a folder of an SSH server, in their order, each whole under its own name.

    Args:
        files: local ones.
        url: the folder's, `sftp://user@host:port/folder`; a path that begins with `/~/` starts at
            the user's home.

    Raises:
        ExportFailed: the server cannot be reached, trusted or used.
    """
    server = find_server(url)
    folder = _folder(url)
    try:
        with _connected(server) as sftp:
            _make_folder(sftp, folder)
            for file in files:
                _put(sftp, file, folder)
    except (_UnknownHostKey, paramiko.SSHException, EOFError, OSError) as error:
        raise _failure(error, server, folder) from error


def find_server(url: str) -> Server:
    """The server of a URL, with what `~/.ssh/config` says of it; the URL has the last word.

    Raises:
        ExportFailed: the configuration cannot be understood.
    """
    parts = urlsplit(url)
    file = Path.home() / ".ssh" / "config"
    try:
        config = paramiko.SSHConfig.from_path(str(file)) if file.exists() else paramiko.SSHConfig()
    except paramiko.ConfigParseError as error:
        raise ExportFailed(
            f"{file} cannot be understood ({error}).",
            remedy="correct it; `ssh -G HOST` shows what it says.",
        ) from error
    said = config.lookup(parts.hostname or "")
    return Server(
        host=said["hostname"],
        port=parts.port or int(said.get("port", 22)),
        user=unquote(parts.username) if parts.username else said.get("user"),
        keys=tuple(said.get("identityfile", ())),
        known_hosts=tuple(
            Path(known).expanduser() for known in said.get("userknownhostsfile", "").split()
        ),
    )


def _folder(url: str) -> PurePosixPath:
    path = unquote(urlsplit(url).path)
    if f"{path}/".startswith(HOME):
        return PurePosixPath(path[len(HOME) :] or ".")
    return PurePosixPath(path or "/")


@contextmanager
def _connected(server: Server) -> Iterator[paramiko.SFTPClient]:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(_Refuse())
        client.load_system_host_keys()
        for known in (KNOWN_TO_ALL, *server.known_hosts):
            if known.exists():
                client.load_system_host_keys(str(known))
        _connect(client, server)
        with client.open_sftp() as sftp:
            sftp.get_channel().settimeout(TIMEOUT)
            yield sftp


def _connect(client: paramiko.SSHClient, server: Server) -> None:
    try:
        client.connect(
            server.host,
            server.port,
            server.user,
            key_filename=[key for key in server.keys if Path(key).exists()],
            timeout=TIMEOUT,
            banner_timeout=TIMEOUT,
            auth_timeout=TIMEOUT,
            channel_timeout=TIMEOUT,
        )
    except paramiko.SSHException as error:
        # Paramiko's words for having found no key at all, for which it has no class of its own.
        if str(error) == "No authentication methods available":
            raise paramiko.AuthenticationException(str(error)) from error
        raise


def _make_folder(sftp: paramiko.SFTPClient, folder: PurePosixPath) -> None:
    """Makes a folder and those above it; who may enter them is the server's business."""
    try:
        sftp.stat(str(folder))
    except FileNotFoundError:
        _make_folder(sftp, folder.parent)
        sftp.mkdir(str(folder))


def _put(sftp: paramiko.SFTPClient, file: Path, folder: PurePosixPath) -> None:
    unfinished = str(folder / f".{file.name}.unfinished")
    try:
        sftp.put(str(file), unfinished)  # compares the size, too
        _move(sftp, unfinished, folder / file.name)
    except BaseException:
        with suppress(OSError, EOFError, paramiko.SSHException):
            sftp.remove(unfinished)
        raise


def _move(sftp: paramiko.SFTPClient, unfinished: str, path: PurePosixPath) -> None:
    """Renames over what is there; on a server that cannot, the old file is out of sight for a moment."""
    # SFTP version 3 renames only to a name that is free; renaming over a file is OpenSSH's extension,
    # and a server without it answers with a mere "failure".
    with suppress(OSError):
        sftp.posix_rename(unfinished, str(path))
        return
    if not _is_file(sftp, path):
        sftp.rename(unfinished, str(path))
        return
    aside = str(path.parent / f".{path.name}.before")
    with suppress(FileNotFoundError):
        sftp.remove(aside)
    sftp.rename(str(path), aside)
    try:
        sftp.rename(unfinished, str(path))
    except BaseException:
        sftp.rename(aside, str(path))
        raise
    sftp.remove(aside)


def _is_file(sftp: paramiko.SFTPClient, path: PurePosixPath) -> bool:
    try:
        return stat.S_ISREG(sftp.stat(str(path)).st_mode)
    except FileNotFoundError:
        return False


def _failure(error: Exception, server: Server, folder: PurePosixPath) -> ExportFailed:
    heals = False
    match error:
        case _UnknownHostKey():
            what = (
                f"The SSH server {server} showed the host key {error}, and no known_hosts file has a key"
                " of this server."
            )
            remedy = (
                "ask the server's operator for the fingerprint of its host key; if it is that one, run"
                f" `ssh-keyscan -p {server.port} {server.host} >> ~/.ssh/known_hosts` as the user of"
                " Dagster's processes."
            )
        case paramiko.BadHostKeyException():
            what = (
                f"The SSH server {server} showed the host key {_described(error.key)}, and known_hosts has"
                " another one. It is not the server it was, or somebody stands between."
            )
            remedy = (
                "ask the server's operator whether the host key was replaced, and compare the"
                " fingerprint; only then replace the server's lines in ~/.ssh/known_hosts."
            )
        case paramiko.AuthenticationException():
            what = (
                f"The SSH server {server} accepts none of the keys at hand for the user"
                f" {server.user or 'that this process runs as'}."
            )
            remedy = (
                "check the user in the export's path, lay the private key into ~/.ssh (such as"
                " id_ed25519, without a passphrase, or name it as IdentityFile in ~/.ssh/config), and"
                " give its public key to the server's operator. Passwords are not supported."
            )
        case PermissionError():
            what = f"The SSH server {server} does not let the user write into {folder}."
            remedy = (
                "ask the server's operator for the right to create, rename and delete files there."
            )
        case FileNotFoundError():
            what = (
                f"The SSH server {server} has no folder {folder} and does not let the user make it."
            )
            remedy = "check the export's path, or ask the server's operator to make the folder."
        case _:
            heals = True
            what = f"The connection to the SSH server {server} failed ({error or type(error).__name__})."
            remedy = "see whether `sftp` reaches the server from this machine, and whether its disk has room."
    return ExportFailed(what, remedy=remedy, heals=heals)


def _described(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"
