"""`opensense-okta ui`: who may be let in. `tests/web/test_services.py` starts it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from opensense_okta.cli import ui as ui_module
from opensense_okta.cli.main import main
from tests.support.signing_in import HASH, write_users

HTTPS = ("--public-url", "https://dagster.acme.com")


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses on which the command would listen."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("OPENSENSE_UI_PASSWORD_FILE", raising=False)
    addresses: list[object] = []
    monkeypatch.setattr(
        ui_module, "run_ui", lambda _home, address, *_, **__: addresses.append(address)
    )
    return addresses


def ui(*options: str, users: Path | None = None) -> Result:
    environment = {"OPENSENSE_UI_PASSWORD_FILE": str(users)} if users else {}
    return CliRunner(env=environment).invoke(main, ["ui", *options])


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    write_users(file, f"ada:{HASH}\n")
    return file


@pytest.mark.parametrize(
    ("options", "named", "says"),
    [
        (("--host", "192.0.2.8"), False, "the UI has no users. Set OPENSENSE_UI_PASSWORD_FILE"),
        (("--host", "192.0.2.8", *HTTPS), False, "the UI has no users"),
        (("--host", "192.0.2.7"), True, "passwords must not cross the network unencrypted"),
        (
            ("--host", "::", "--public-url", "http://dagster.acme.com"),
            True,
            "`--public-url https://dagster.acme.com`",
        ),
    ],
)
def test_other_machines_are_let_in_with_users_and_tls_only(
    started: list[object], users: Path, options: tuple[str, ...], named: bool, says: str
) -> None:
    refused = ui(*options, users=users if named else None)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert started == []


def test_with_users_and_tls_it_listens_beyond_loopback(started: list[object], users: Path) -> None:
    assert ui("--host", "192.0.2.8", *HTTPS, users=users).exit_code == 0
    assert ui("--host", "localhost").exit_code == 0
    assert ui(users=users).exit_code == 0
    assert len(started) == 3


def test_a_password_file_with_a_mistake_is_reported_before_anything_starts(
    started: list[object], users: Path
) -> None:
    write_users(users, "ada:correct horse\n")
    refused = ui(users=users)
    assert refused.exit_code == 2
    assert f"{users}, line 1: the line has no hash" in refused.stderr
    assert "correct horse" not in refused.stderr
    assert started == []
