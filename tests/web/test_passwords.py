"""The users of the UI: the password file, and the command that adds a user."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from opensense_okta.web import passwords
from opensense_okta.web.passwords import (
    PasswordFile,
    PasswordFileMistake,
    hashed,
    is_password,
    read_users,
    set_password,
)
from tests.support.signing_in import HASH, cheap, write_users

COMMAND = Path(sys.executable).with_name("opensense-okta")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MEMORY", 8)


def command(file: Path | None, name: str, typed: str) -> Result:
    environment = {"OPENSENSE_UI_PASSWORD_FILE": None if file is None else str(file)}
    return CliRunner(env=environment).invoke(main, ["ui-password", name], input=typed)


# The hashes.


def test_a_hash_takes_what_owasp_recommends_and_has_a_salt() -> None:
    first, second = hashed("correct horse"), hashed("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password("correct horse", first)
    assert not is_password("correct horsf", first)
    assert not is_password("", first)


def test_a_letter_is_the_same_on_every_keyboard() -> None:
    assert is_password("a\u0308ndern-bitte", cheap("\u00e4ndern-bitte"))


# The file.


def test_users_are_read_with_comments_and_blank_lines(file: Path) -> None:
    write_users(file, f"# the team\n\nada:{HASH}\n bob@acme.com : {HASH} \r\n")
    assert read_users(file) == {"ada": HASH, "bob@acme.com": HASH}


LATIN = "Zoë".encode("latin-1") + f":{HASH}\n".encode()

MISTAKES: Mapping[str, tuple[str | bytes, int, str]] = {
    "no work": (f"ada:{HASH.replace('t=1', 't=0')}\n", 0o600, "line 1: the line has no hash"),
    "10 GB": (f"ada:{HASH.replace('m=8', 'm=9999999')}\n", 0o600, "line 1: the line has no hash"),
    "no user": ("", 0o600, "has no user"),
    "comments only": ("# ada\n\n", 0o600, "has no user"),
    "no colon": (f"ada:{HASH}\nbob\n", 0o600, "line 2: the line is not `name:hash`"),
    "a password": ("ada:correct horse\n", 0o600, "line 1: the line has no hash"),
    "another hash": (f"ada:{HASH.replace('2id', '2i')}\n", 0o600, "line 1: the line has no hash"),
    "a cut hash": (f"ada:{HASH[:-30]}\n", 0o600, "line 1: the line has no hash"),
    "more after the hash": (f"ada:{HASH}:x\n", 0o600, "line 1: the line has no hash"),
    "no name": (f":{HASH}\n", 0o600, "line 1: the line has a name with other characters"),
    "a blank in a name": (f"a b:{HASH}\n", 0o600, "line 1: the line has a name with other"),
    "markup in a name": (f"<b>:{HASH}\n", 0o600, "line 1: the line has a name with other"),
    "a long name": (f"{'a' * 65}:{HASH}\n", 0o600, "line 1: the line has a name with other"),
    "a doubled name": (f"ada:{HASH}\n\nada:{HASH}\n", 0o600, "line 3: the line has the same name as line 1"),
    "Latin-1": (LATIN, 0o600, "is too long, or not UTF-8 text"),
    "a large file": ("#" * 1_000_001, 0o600, "is too long"),
    "readable for all": (f"ada:{HASH}\n", 0o644, "Other users of this machine may read or change"),
    "readable for a group": (f"ada:{HASH}\n", 0o640, "(mode 640)"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_names_the_file_and_the_line_and_never_the_hash(file: Path, case: str) -> None:
    content, mode, says = MISTAKES[case]
    write_users(file, content, mode)
    with pytest.raises(PasswordFileMistake) as found:
        read_users(file)
    text = str(found.value)
    assert says in text
    assert str(file) in text
    assert "What to do:" in text
    assert "argon2" not in text
    assert HASH[-20:] not in text
    assert "correct horse" not in text


def test_a_hash_that_cannot_be_computed_is_no_password() -> None:
    assert not is_password("correct horse", HASH.replace("p=1", "p=9"))


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(PasswordFileMistake, match=f"{file} cannot be read: No such file"):
        read_users(file)
    with pytest.raises(PasswordFileMistake, match="cannot be read: Is a directory"):
        read_users(file.parent)
    with pytest.raises(PasswordFileMistake, match="cannot be read"):
        PasswordFile(file).users()


def test_a_file_is_read_again_when_it_has_changed(file: Path) -> None:
    write_users(file, f"ada:{HASH}\n")
    users = PasswordFile(file)
    assert set(users.users()) == {"ada"}
    assert users.users() is users.users()
    set_password(file, "bob", "long enough")
    assert set(users.users()) == {"ada", "bob"}
    file.chmod(0o644)
    with pytest.raises(PasswordFileMistake):
        users.users()
    with pytest.raises(PasswordFileMistake):  # the users before the mistake are not used
        users.users()
    file.chmod(0o600)
    assert set(users.users()) == {"ada", "bob"}


# The command.


@pytest.mark.usefixtures("quick")
def test_a_user_is_added_and_a_password_replaced(file: Path) -> None:
    added = command(file, "ada", "correct horse\n")
    assert (added.exit_code, added.output) == (0, f"ada is added to {file}.\n")
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(f"# the team\n{file.read_text()}zoe:{HASH}")
    old = read_users(file)["ada"]
    replaced = command(file, "ada", "battery staple")
    assert replaced.output == f"ada has a new password in {file}.\n"
    assert file.read_text().splitlines()[:2] == ["# the team", f"zoe:{HASH}"]
    assert is_password("battery staple", read_users(file)["ada"])
    assert read_users(file)["ada"] != old
    assert [path.name for path in file.parent.iterdir()] == ["users"]


@pytest.mark.usefixtures("quick")
def test_the_file_keeps_its_place_behind_a_link(file: Path) -> None:
    link = file.with_name("link")
    write_users(file, f"zoe:{HASH}\n")
    link.symlink_to(file)
    assert command(link, "ada", "correct horse\n").exit_code == 0
    assert link.is_symlink()
    assert set(read_users(file)) == {"ada", "zoe"}


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("ada", "", "A password has 8 to 256 characters."),
        ("ada", "short\n", "A password has 8 to 256 characters."),
        ("ada", "x" * 257, "A password has 8 to 256 characters."),
        ("ada", "tab\there it is", "characters that cannot be typed"),
        ("a:b", "correct horse\n", "A name has 1 to 64 letters"),
        ("", "correct horse\n", "A name has 1 to 64 letters"),
        ("a\nroot", "correct horse\n", "A name has 1 to 64 letters"),
    ],
)
def test_a_wrong_name_or_password_is_refused(file: Path, name: str, typed: str, says: str) -> None:
    refused = command(file, name, typed)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.output
    assert not file.exists()


def test_a_file_with_a_mistake_is_not_written(file: Path) -> None:
    write_users(file, f"ada:{HASH}\nbob\n")
    before = file.read_bytes()
    refused = command(file, "zoe", "correct horse\n")
    assert refused.exit_code == 2
    assert "line 2: the line is not `name:hash`" in refused.stderr
    assert file.read_bytes() == before


def test_without_a_file_or_its_folder_the_command_says_so(file: Path) -> None:
    unset = command(None, "ada", "correct horse\n")
    assert (unset.exit_code, "OPENSENSE_UI_PASSWORD_FILE is not set" in unset.stderr) == (2, True)
    missing = command(file / "folder" / "users", "ada", "correct horse\n")
    assert missing.exit_code == 2
    assert "cannot be written: No such file" in missing.stderr


@pytest.mark.slow
def test_on_a_terminal_the_password_is_asked_twice_and_not_shown(file: Path) -> None:
    terminal, end = pty.openpty()
    environment = {**os.environ, "OPENSENSE_UI_PASSWORD_FILE": str(file)}
    with subprocess.Popen(
        [COMMAND, "ui-password", "ada"],
        stdin=end, stdout=end, stderr=end, env=environment, start_new_session=True,
    ) as asking:  # fmt: skip
        os.close(end)
        shown = b""
        for answer in (
            b"correct horse\n",
            b"correct horsf\n",
            b"correct horse\n",
            b"correct horse\n",
        ):
            seen = len(shown)
            while not shown[seen:].rstrip().endswith(b":"):
                shown += os.read(terminal, 1000)
            os.write(terminal, answer)
        assert asking.wait(timeout=60) == 0
    os.close(terminal)
    assert shown.count(b"Password for ada:") == 2
    assert b"hors" not in shown
    assert is_password("correct horse", read_users(file)["ada"])
