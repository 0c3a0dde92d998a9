"""Exports to a real SSH server, and what keeps them from getting there."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import ExportResult, export
from opensense_okta.storage.lake import Lake
from tests.support.exporting import DAY, Person, acme, ada, bob, resolved, rows
from tests.support.ssh_server import SshServer, new_key, serve

Exports = Callable[[Sequence[Person], str], list[ExportResult]]

NAMES = ["people.changes.csv", "people.csv", "people.csv.sha256", "people.parquet"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with serve(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A server without OpenSSH's extension that renames over a file."""
    with serve(tmp_path_factory.mktemp("ssh"), options="-P posix-rename") as server:
        yield server


@pytest.fixture
def home(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the user who exports: a copy of that of the server's user."""
    home = tmp_path / "home"
    at_home(server, home, monkeypatch)
    return home


def at_home(server: SshServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["cp", "-a", server.home, home], check=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """The folder on the server."""
    return tmp_path / "drop"


@pytest.fixture
def exports(lake: Lake, tmp_path: Path) -> Exports:
    """Exports people to a URL."""

    def run(people: Sequence[Person], url: str) -> list[ExportResult]:
        settings = f"{{path: '{url}', columns: [person_id, given_name]}}"
        return export(acme(tmp_path, settings), lake, resolved(lake, people), DAY, before=None)

    return run


@pytest.mark.usefixtures("home")
def test_files_arrive_whole_and_replace_those_before(
    exports: Exports, server: SshServer, drop: Path
) -> None:
    url = server.url(drop / "new" / "people.csv")
    exports([ada()], url)
    made = exports([ada(), bob()], url)
    folder = drop / "new"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert rows((folder / "people.csv").read_bytes()) == [
        ["person_id", "given_name"],
        ["p1", "Ada"],
        ["p2", "Bob"],
    ]
    subprocess.run(["sha256sum", "--quiet", "-c", "people.csv.sha256"], cwd=folder, check=True)
    assert made[-1].url == f"sftp://127.0.0.1:{server.port}{folder}/people.csv.sha256"


@pytest.mark.usefixtures("home")
def test_whoever_reads_the_old_file_reads_it_to_its_end(
    exports: Exports, server: SshServer, drop: Path
) -> None:
    url = server.url(drop / "people.csv")
    exports([ada()], url)
    with (drop / "people.csv").open("rb") as reader:
        exports([bob()], url)
        assert rows(reader.read())[1:] == [["p1", "Ada"]]


def test_a_server_that_cannot_rename_over_a_file_gets_the_new_one_too(
    exports: Exports,
    old_server: SshServer,
    drop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_home(old_server, tmp_path / "home", monkeypatch)
    url = old_server.url(drop / "people.csv")
    for people in ([ada()], [bob()]):
        exports(people, url)
    assert sorted(path.name for path in drop.iterdir()) == NAMES
    assert rows((drop / "people.csv").read_bytes())[1:] == [["p2", "Bob"]]


def test_a_path_may_start_at_the_user_s_home(
    exports: Exports, drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.mkdir()
    with serve(tmp_path / "ssh", options=f"-d {drop}") as server:
        at_home(server, tmp_path / "home", monkeypatch)
        exports([ada()], server.url(Path("/~/people.csv")))
        exports([ada()], server.url(Path("/~/new/people.csv")))
    assert sorted(path.name for path in drop.iterdir()) == ["new", *NAMES]
    assert sorted(path.name for path in (drop / "new").iterdir()) == NAMES


def test_the_ssh_configuration_names_servers_keys_and_users(
    exports: Exports, server: SshServer, home: Path, drop: Path
) -> None:
    ssh = home / ".ssh"
    key = (ssh / "id_ed25519").rename(ssh / "opensense")
    known = (ssh / "known_hosts").rename(ssh / "known_servers")
    (ssh / "config").write_text(
        f"Host upload\n  HostName 127.0.0.1\n  Port {server.port}\n"
        f"  IdentityFile {key}\n  UserKnownHostsFile {known}\n"
    )
    exports([ada()], f"sftp://upload{drop}/people.csv")
    assert (drop / "people.csv").exists()


def test_an_unknown_server_gets_nothing(
    exports: Exports, server: SshServer, home: Path, drop: Path
) -> None:
    (home / ".ssh" / "known_hosts").write_text("")
    with pytest.raises(ExportFailed) as failed:
        exports([ada()], server.url(drop / "people.csv"))
    assert "showed the host key ssh-ed25519 SHA256:" in failed.value.message
    assert f"ssh-keyscan -p {server.port} 127.0.0.1" in failed.value.remedy
    assert not failed.value.transient
    assert not drop.exists()


def test_a_server_with_another_host_key_than_known_gets_nothing(
    exports: Exports, server: SshServer, home: Path, drop: Path, tmp_path: Path
) -> None:
    other = new_key(tmp_path / "other")
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {other}")
    with pytest.raises(ExportFailed) as failed:
        exports([ada()], server.url(drop / "people.csv"))
    assert "known_hosts has another one" in failed.value.message
    assert not failed.value.transient
    assert not drop.exists()


@pytest.mark.parametrize("key", ["another", "none"])
def test_a_user_without_the_key_is_told_where_keys_belong(
    exports: Exports, server: SshServer, home: Path, drop: Path, key: str
) -> None:
    for path in (home / ".ssh").glob("id_ed25519*"):
        path.unlink()
    if key == "another":
        new_key(home / ".ssh" / "id_ed25519")
    with pytest.raises(ExportFailed) as failed:
        exports([ada()], server.url(drop / "people.csv"))
    assert "accepts none of the keys at hand" in failed.value.message
    assert "IdentityFile" in failed.value.remedy
    assert not failed.value.transient


@pytest.mark.usefixtures("home")
def test_a_server_that_fails_in_the_middle_keeps_the_old_file(
    exports: Exports, server: SshServer, drop: Path
) -> None:
    url = server.url(drop / "people.csv")
    exports([ada()], url)
    old = (drop / "people.csv").read_bytes()
    # What comes before `people.csv` cannot be moved into place.
    (drop / "people.parquet").unlink()
    (drop / "people.parquet").mkdir()
    with pytest.raises(ExportFailed) as failed:
        exports([bob()], url)
    assert (drop / "people.csv").read_bytes() == old
    assert list(drop.glob(".*")) == []
    assert "The directory itself is published." in str(failed.value)


def test_a_connection_that_breaks_in_the_middle_keeps_the_old_files(
    exports: Exports,
    server: SshServer,
    drop: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exports([ada()], server.url(drop / "people.csv"))
    old = {name: (drop / name).read_bytes() for name in NAMES}
    with serve(tmp_path / "ssh", largest_file=64) as breaking, monkeypatch.context() as patch:
        at_home(breaking, tmp_path / "other", patch)
        with pytest.raises(ExportFailed) as failed:
            exports([ada(given_name="A" * 200_000)], breaking.url(drop / "people.csv"))
    assert failed.value.transient
    assert {name: (drop / name).read_bytes() for name in NAMES} == old
    # Nobody could clear away the half file; the next export writes over it.
    assert [path.stat().st_size for path in drop.glob(".*")] == [64 * 1024]
    monkeypatch.setenv("HOME", str(home))
    exports([bob()], server.url(drop / "people.csv"))
    assert sorted(path.name for path in drop.iterdir()) == NAMES


def test_a_folder_that_may_not_be_written_is_named(
    exports: Exports, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.mkdir()
    with serve(tmp_path / "ssh", options="-R") as read_only:
        at_home(read_only, tmp_path / "home", monkeypatch)
        with pytest.raises(ExportFailed) as failed:
            exports([ada()], read_only.url(drop / "people.csv"))
    assert failed.value.message.endswith(f"does not let the user write into {drop}.")
    assert not failed.value.transient


def test_a_server_that_is_away_may_be_back_later(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tmp_path / "ssh") as gone:
        at_home(gone, tmp_path / "home", monkeypatch)
    with pytest.raises(ExportFailed) as failed:
        exports([ada()], gone.url(tmp_path / "people.csv"))
    assert failed.value.transient
    assert f"127.0.0.1:{gone.port} failed" in failed.value.message


@pytest.mark.usefixtures("home")
def test_a_password_in_the_url_is_not_used(exports: Exports, server: SshServer, drop: Path) -> None:
    with pytest.raises(OrganizationFileError) as refused:
        exports([ada()], f"sftp://ada:hunter2@127.0.0.1:{server.port}{drop}/people.csv")
    assert "must not hold a password" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert not drop.exists()
