"""Files to an SSH server: each uploaded beside its place, then renamed over what is there."""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import paramiko  # type: ignore[import-untyped]  # comes without types

from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.storage.sftp import Server, SshError, broken, connect, find_server, path_of


def upload(files: Sequence[Path], url: str) -> None:
    """Puts files into a folder of an SSH server, in their order, each whole under its own name.

    Args:
        files: local ones.
        url: the folder's, `sftp://user@host:port/folder`; a path that begins with `/~/` starts at
            the user's home.

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
