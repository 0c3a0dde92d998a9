"""Connections to SSH servers with a known host key.

fsspec's own SFTP file system connects differently: it trusts every host key it has not seen before,
reads no known_hosts file, has no time limits, and reuses connections that were closed long ago.

The configuration is that of `ssh`: keys in `~/.ssh` or in the SSH agent, `~/.ssh/config`, and known_hosts.
Passwords are not supported.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import paramiko  # type: ignore[import-untyped]  # comes without types

from opensense_okta.config.errors import UserError

TIMEOUT = 60  # seconds without an answer, for each step
KNOWN_TO_ALL = Path("/etc/ssh/ssh_known_hosts")
HOME = "/~/"  # at the beginning of a URL's path, as curl writes it


class SshError(UserError):
    """A server cannot be reached, is not trusted, or does not accept our keys."""


@dataclass(frozen=True)
class Server:
    """The address and the user of a connection, with the settings of `~/.ssh/config`.

    Attributes:
        user: None means the user that runs this process.
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
    """Paramiko's policy for a host without a known key: refuse it."""

    def missing_host_key(self, _client: object, _host: str, key: paramiko.PKey) -> NoReturn:
        raise _UnknownHostKey(_described(key))


def find_server(url: str) -> Server:
    """The server of a URL, with its settings in `~/.ssh/config`; the URL overrides them.

    Raises:
        SshError: the configuration cannot be understood.
    """
    parts = urlsplit(url)
    file = Path.home() / ".ssh" / "config"
    try:
        config = paramiko.SSHConfig.from_path(str(file)) if file.exists() else paramiko.SSHConfig()
    except paramiko.ConfigParseError as error:
        raise SshError(
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


def path_of(url: str) -> PurePosixPath:
    """The path of a URL; one that begins with `/~/` starts at the user's home."""
    path = unquote(urlsplit(url).path)
    if f"{path}/".startswith(HOME):
        return PurePosixPath(path[len(HOME) :] or ".")
    return PurePosixPath(path or "/")


def connect(server: Server) -> tuple[paramiko.SSHClient, paramiko.SFTPClient]:
    """A connection, which the caller must close, and its SFTP client.

    Raises:
        SshError: the connection failed.
    """
    client = paramiko.SSHClient()
    try:
        client.set_missing_host_key_policy(_Refuse())
        client.load_system_host_keys()
        for known in (KNOWN_TO_ALL, *server.known_hosts):
            if known.exists():
                client.load_system_host_keys(str(known))
        _connect(client, server)
        sftp = client.open_sftp()
        sftp.get_channel().settimeout(TIMEOUT)
    except (_UnknownHostKey, paramiko.SSHException, EOFError, OSError) as error:
        with suppress(Exception):
            client.close()
        raise _trouble(error, server) from error
    return client, sftp


def broken(error: Exception, server: Server) -> SshError:
    """The error for a connection that failed or was lost."""
    return SshError(
        f"The connection to the SSH server {server} failed ({error or type(error).__name__}).",
        remedy="see whether `sftp` reaches the server from this machine.",
        transient=True,
    )


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
        # Paramiko has no exception class for finding no key at all, only this message.
        if str(error) == "No authentication methods available":
            raise paramiko.AuthenticationException(str(error)) from error
        raise


def _trouble(error: Exception, server: Server) -> SshError:
    match error:
        case _UnknownHostKey():
            return SshError(
                f"The SSH server {server} showed the host key {error}, and no known_hosts file has a key"
                " of this server.",
                remedy="ask the server's operator for the fingerprint of its host key; if it is that one,"
                f" run `ssh-keyscan -p {server.port} {server.host} >> ~/.ssh/known_hosts` as the user of"
                " Dagster's processes.",
            )
        case paramiko.BadHostKeyException():
            return SshError(
                f"The SSH server {server} showed the host key {_described(error.key)}, and known_hosts has"
                " another one. It is not the server it was, or somebody stands between.",
                remedy="ask the server's operator whether the host key was replaced, and compare the"
                " fingerprint; only then replace the server's lines in ~/.ssh/known_hosts.",
            )
        case paramiko.AuthenticationException():
            return SshError(
                f"The SSH server {server} accepts none of the keys at hand for the user"
                f" {server.user or 'that this process runs as'}.",
                remedy="check the user in the address, lay the private key into ~/.ssh (such as"
                " id_ed25519, without a passphrase, or name it as IdentityFile in ~/.ssh/config), and"
                " give its public key to the server's operator. Passwords are not supported.",
            )
        case _:
            return broken(error, server)


def _described(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"
