"""Delivers files to an SSH server: each is uploaded under a temporary name, then renamed."""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import paramiko  # type: ignore[import-untyped]  # comes without types

from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.storage.sftp import Server, SshError, broken, connect, find_server, path_of


def upload(files: Sequence[Path], url: str) -> None:
    """Uploads files to a folder of an SSH server, in the given order; each appears complete.

    Args:
        files: the local files.
        url: the folder, `sftp://user@host:port/folder`; a path that begins with `/~/` is relative
            to the user's home.

    Raises:
        ExportFailed: the server cannot be reached, trusted or used.
    """
    folder = path_of(url)
    try:
        server = find_server(url)
        with _connected(server) as sftp:
            try:
                _make_folder(sftp, folder)
                for file in files:
                    _put(sftp, file, folder)
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise _failure(error, server, folder) from error
    except SshError as trouble:
        raise ExportFailed(
            trouble.message, remedy=trouble.remedy, transient=trouble.transient
        ) from trouble


@contextmanager
def _connected(server: Server) -> Iterator[paramiko.SFTPClient]:
    client, sftp = connect(server)
    with client, sftp:
        yield sftp


def _make_folder(sftp: paramiko.SFTPClient, folder: PurePosixPath) -> None:
    """Makes a folder and its parents; the server sets their permissions."""
    try:
        sftp.stat(str(folder))
    except FileNotFoundError:
        _make_folder(sftp, folder.parent)
        sftp.mkdir(str(folder))


def _put(sftp: paramiko.SFTPClient, file: Path, folder: PurePosixPath) -> None:
    unfinished = str(folder / f".{file.name}.unfinished")
    try:
        sftp.put(str(file), unfinished)  # also compares the size
        _move(sftp, unfinished, folder / file.name)
    except BaseException:
        with suppress(OSError, EOFError, paramiko.SSHException):
            sftp.remove(unfinished)
        raise


def _move(sftp: paramiko.SFTPClient, unfinished: str, path: PurePosixPath) -> None:
    """Replaces the file; if the server cannot do it in one step, no file is there for a moment."""
    # In SFTP version 3, a rename fails if the target exists. Replacing it is an extension of OpenSSH;
    # a server without the extension reports only "failure".
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
    match error:
        case PermissionError():
            return ExportFailed(
                f"The SSH server {server} does not let the user write into {folder}.",
                remedy="ask the server's operator for the right to create, rename and delete files there.",
            )
        case FileNotFoundError():
            return ExportFailed(
                f"The SSH server {server} has no folder {folder} and does not let the user make it.",
                remedy="check the export's path, or ask the server's operator to make the folder.",
            )
        case _:
            trouble = broken(error, server)
            remedy = f"{trouble.remedy[:-1]}, and whether its disk has room."
            return ExportFailed(trouble.message, remedy=remedy, transient=True)
