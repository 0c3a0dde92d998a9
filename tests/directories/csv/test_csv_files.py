"""Files that lie elsewhere: on an SSH server, on a web server, in an archive."""

import gzip
import os
import shutil
import traceback
import tracemalloc
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories.csv import files
from opensense_okta.directories.errors import (
    AnswerTooLarge,
    DirectoryError,
    ProxyTrouble,
    Unreachable,
)
from tests.directories.csv.test_csv_reader import failure, read
from tests.directories.http.test_answers import bomb
from tests.support.proxies import a_proxy
from tests.support.replay import Reply, serving
from tests.support.ssh_server import SshServer, new_key, serve

CONTENT = "id,name\n1,Ada\n"
ADA = {"1": {"id": "1", "name": "Ada"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("ssh")
    (folder / "files").mkdir()
    with serve(folder, options=f"-d {folder / 'files'}") as server:
        yield server


@pytest.fixture
def home(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of whoever reads, who is known to the server and knows it."""
    home = tmp_path / "home"
    shutil.copytree(server.home, home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(CONTENT)
    return path


@pytest.mark.usefixtures("home")
def test_a_file_on_an_ssh_server_is_read(server: SshServer, file: Path) -> None:
    os.utime(file, (0, 0))

    found = read(server.url(file))

    assert found.profiles == ADA
    assert found.evidence["file_age_days"] > 20_000
    assert read(server.url(file.with_name("*.csv"))).profiles == ADA


@pytest.mark.usefixtures("home")
def test_a_path_may_start_at_the_users_home_there(server: SshServer) -> None:
    (server.home.parent / "files" / "people.csv").write_text(CONTENT)

    assert read(server.url(Path("/~/people.csv"))).profiles == ADA


@pytest.mark.usefixtures("home")
def test_a_file_that_an_ssh_server_does_not_have_is_named_by_its_address(
    server: SshServer, tmp_path: Path
) -> None:
    error = failure(server.url(tmp_path / "staff.csv"))

    assert f"There is no file sftp://127.0.0.1:{server.port}{tmp_path}/staff.csv." in error.message

    (tmp_path / "empty.csv").touch()
    error = failure(server.url(tmp_path / "empty.csv"))

    assert f"sftp://127.0.0.1:{server.port}{tmp_path}/empty.csv is empty." in error.message


def test_an_ssh_server_that_is_not_known_is_not_believed(
    server: SshServer, file: Path, home: Path, tmp_path: Path
) -> None:
    known = home / ".ssh" / "known_hosts"

    known.write_text("")
    error = failure(server.url(file))
    assert type(error) is Unreachable
    assert not error.transient
    assert "no known_hosts file has a key" in error.message
    assert "ssh-keyscan" in error.remedy

    known.write_text(f"[127.0.0.1]:{server.port} {new_key(tmp_path / 'other')}")
    assert "known_hosts has another one" in failure(server.url(file)).message


def test_an_ssh_server_that_does_not_know_us_says_where_keys_belong(
    server: SshServer, file: Path, home: Path
) -> None:
    (home / ".ssh" / "id_ed25519").unlink()

    error = failure(server.url(file))

    assert "accepts none of the keys at hand" in error.message
    assert not error.transient


@pytest.mark.usefixtures("home")
def test_an_ssh_server_that_is_away_may_be_back_later() -> None:
    error = failure("sftp://127.0.0.1:1/people.csv")

    assert error.transient
    assert "The connection to the SSH server 127.0.0.1:1 failed" in error.message


def web_failure(reply: Reply) -> DirectoryError:
    with serving(lambda _target: reply) as peer:
        return failure(f"{peer.url}/people.csv?sig=hunter2")


def test_a_file_on_a_web_server_is_read() -> None:
    with serving(lambda _target: Reply(200, CONTENT.encode())) as peer:
        assert read(f"{peer.url}/people.csv?sig=1").profiles == ADA


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404), "cannot be read: the server answers with 404"),
        (Reply(403), "cannot be read: the server answers with 403"),
        (Reply(503), "cannot be read: the server answers with 503"),
        (Reply(200, b"<!DOCTYPE html><html>"), "is a web page, not CSV"),
    ],
)
def test_what_a_web_server_answers_instead_is_told(reply: Reply, words: str) -> None:
    error = web_failure(reply)

    assert words in error.message
    assert "hunter2" not in str(error)


def test_a_web_server_that_is_away_is_not_said_to_lack_the_file() -> None:
    error = failure("http://127.0.0.1:1/people.csv")

    assert "http://127.0.0.1:1/people.csv cannot be read: " in error.message
    assert error.transient


def test_links_of_a_pattern_are_followed_and_never_passed_over(tmp_path: Path, file: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "east.csv").symlink_to(file)
    (links / "folder.csv").symlink_to(tmp_path)
    assert read(links / "*.csv").profiles == ADA

    (links / "west.csv").symlink_to(tmp_path / "gone.csv")
    assert f"{links}/west.csv cannot be read: No such file" in failure(links / "*.csv").message


def test_a_file_in_an_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hr.zip", "w") as archive:
        archive.writestr("people.csv", CONTENT)

    assert read(f"zip://people.csv::{tmp_path}/hr.zip").profiles == ADA


def test_an_address_may_be_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(lambda _target: Reply(200, CONTENT.encode())) as peer:
        monkeypatch.setenv("HR_URL", f"{peer.url}/people.csv?sig=hunter2\n")
        assert read({"env": "HR_URL"}).profiles == ADA
        monkeypatch.setenv("HR_URL", f"{peer.url}/people.csv?sig=hunter2&x=*")
        assert read({"env": "HR_URL"}).profiles == ADA

    monkeypatch.setenv("HR_URL", f"{tmp_path}/gone.csv")
    assert f"There is no file {tmp_path}/gone.csv" in failure({"env": "HR_URL"}).message
    monkeypatch.delenv("HR_URL")
    with pytest.raises(SecretMissing, match="HR_URL is not set"):
        read({"env": "HR_URL"})


@pytest.mark.parametrize(
    "url", ["http://hr.example/a.csv?sig=hunter2", "ftp://me@hr.example/a.csv"]
)
def test_an_address_in_the_environment_must_be_encrypted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HR_URL", url)

    error = failure({"env": "HR_URL"})

    assert "hr.example/a.csv is not encrypted." in error.message
    assert "me@" not in str(error)
    assert "hunter2" not in str(error)
    assert not error.transient


# -- proxies, redirects and sizes of files ----------------------------------------------------

HR = "https://acme.invalid/hr/people.csv"
PASSWORD = "hunter2"


def test_a_file_is_read_through_a_tunnel_that_hides_its_address(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    with (
        serving(lambda _target: Reply(200, CONTENT.encode()), certificate=certificate) as peer,
        a_proxy(target=int(peer.url.rpartition(":")[2])) as proxy,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("HR_URL", f"{HR}?sig=1")
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert read({"env": "HR_URL"}).profiles == ADA
    assert {head.partition(b"\r\n")[0] for head in proxy.heads} == {
        b"CONNECT acme.invalid:443 HTTP/1.1"
    }
    assert all(b"Basic " + b64encode(f"ann:{PASSWORD}".encode()) in head for head in proxy.heads)
    assert b"sig" not in b"".join(proxy.heads)


@pytest.mark.parametrize(
    ("status", "words", "transient"),
    [
        ("407 Proxy Authentication Required", "does not accept its user and password", False),
        ("403 Forbidden", "refuses the connection (403)", False),
        ("502 Bad Gateway", "makes no connection (502)", True),
    ],
)
def test_what_a_proxy_answers_for_a_file_is_said_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, status: str, words: str, transient: bool
) -> None:
    with a_proxy(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        monkeypatch.setenv("https_proxy", f"http://ann:{PASSWORD}@127.0.0.1:{proxy.port}")
        error = failure(HR)
    assert type(error) is ProxyTrouble
    assert error.transient == transient
    assert "https_proxy" in error.message
    assert words in error.message
    assert PASSWORD not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "value",
    [f"socks5://ann:{PASSWORD}@p:1", f"http://ann:{PASSWORD}/x@p:1", f"http://ann:{PASSWORD}@p:x"],
)
@pytest.mark.parametrize("location", [HR, f"zip://people.csv::{HR}"])
def test_a_proxy_variable_that_cannot_be_used_is_named_for_files_too(
    monkeypatch: pytest.MonkeyPatch, value: str, location: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    error = failure(location)
    assert type(error) is ProxyTrouble
    assert "ALL_PROXY" in error.message
    assert PASSWORD not in "".join(traceback.format_exception(error))


def test_a_proxy_of_files_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:1")
    error = failure(HR)
    assert type(error) is ProxyTrouble
    assert error.transient
    assert "HTTPS_PROXY names makes no connection (it cannot be reached)" in error.message


def test_a_file_on_loopback_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _target: Reply(200, CONTENT.encode())) as peer:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "socks5://127.0.0.1:1")
        assert read(f"{peer.url}/people.csv").profiles == ADA


def test_a_redirect_to_an_unencrypted_address_is_not_followed() -> None:
    to = (("location", "http://hr.invalid/people.csv?sig=hunter2"),)
    with serving(lambda _target: Reply(302, b"", to)) as peer:
        error = failure(f"{peer.url}/people.csv")
    assert "redirects to an address that is not encrypted" in error.message
    assert "hunter2" not in "".join(traceback.format_exception(error))


def test_a_redirect_that_stays_safe_is_followed() -> None:
    def answer(target: str) -> Reply:
        if target == "/people.csv":
            return Reply(307, b"", (("location", "/new/people.csv"),))
        return Reply(200, CONTENT.encode())

    with serving(answer) as peer:
        assert read(f"{peer.url}/people.csv").profiles == ADA


@pytest.mark.parametrize("place", ["file", "web", "packed", "archive"])
def test_a_file_that_is_too_large_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 1_000_000)
    content = CONTENT.encode() + b"2,Bob\n" * 200_000
    (tmp_path / "people.csv").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "hr.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", content)
    packed = Reply(200, gzip.compress(content), (("content-encoding", "gzip"),))
    reply = packed if place == "packed" else Reply(200, content)
    with serving(lambda _target: reply) as peer:
        location = {
            "file": f"{tmp_path}/people.csv",
            "archive": f"zip://people.csv::{tmp_path}/hr.zip",
        }.get(place, f"{peer.url}/people.csv")
        error = failure(location)
    assert type(error) is AnswerTooLarge
    assert "people.csv has more than 1 MB" in error.message
    assert "people-*.csv" in error.remedy
    assert not error.transient


def test_a_packed_file_of_gigabytes_takes_no_memory() -> None:
    zeros = Reply(200, bomb(), (("content-encoding", "gzip"),))
    with serving(lambda _target: zeros) as peer:
        tracemalloc.start()
        try:
            failure(f"{peer.url}/people.csv")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 150_000_000
