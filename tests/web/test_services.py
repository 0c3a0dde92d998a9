"""`opensense-okta ui` as a process: it starts in a new home, and ends with all that it started."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets import InvalidStatus, Subprotocol
from websockets.sync.client import connect

from tests.support.dagster_servers import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("opensense-okta")
ADDRESS = re.compile(r"The UI is at (http://127\.0\.0\.1:\d+)")
LINK = re.compile(
    r"Sign in by this link, which works until the UI ends: (http://127\.0\.0\.1:\d+/sign-in\?token=\S+)"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@contextmanager
def ui(home: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command on a home; its output is in ui.log."""
    with (
        (home.parent / "ui.log").open("wb") as log,
        subprocess.Popen(
            [COMMAND, "ui", "--port", "0", *options],
            env={**os.environ, "DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
        ) as command,
    ):
        try:
            yield command
        finally:
            command.kill()


def opens_websocket(client: httpx.Client) -> bool:
    """Whether the server accepts a WebSocket with the client's cookies."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    address = f"{client.base_url.copy_with(scheme='ws')}/graphql"
    try:
        with connect(
            address,
            additional_headers={"Cookie": cookies},
            subprotocols=[Subprotocol("graphql-ws")],
        ):
            return True
    except InvalidStatus:
        return False


def processes(home: Path) -> list[str]:
    """The command lines of all processes that work on the home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if command and f"DAGSTER_HOME={home}".encode() in environment:
            found.append(command)
    return found


def test_it_starts_in_a_new_home_and_leaves_no_process(home: Path) -> None:
    log = home.parent / "ui.log"
    (home / "organizations").mkdir(mode=0o700)  # an operator may begin with this
    with ui(home) as command:
        until(lambda: LINK.search(log.read_text()) or command.poll() is not None)
        address, link = (shown.search(log.read_text()) for shown in (ADDRESS, LINK))
        assert address, log.read_text()
        assert link, log.read_text()
        with httpx.Client(base_url=address[1], timeout=60) as client:
            assert client.post("/graphql", json={"query": "{ version }"}).status_code == 401
            assert not opens_websocket(client)
            assert client.get(link[1]).headers["location"] == "/"
            assert opens_websocket(client)
            answer = client.post("/graphql", json={"query": "{ version }"})
            assert answer.json() == {"data": {"version": "1.13.27"}}
            assert client.get("/graphql", params={"query": "{ version }"}).status_code == 405
            assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        second = subprocess.run(
            [COMMAND, "ui", "--port", "0"],
            env={**os.environ, "DAGSTER_HOME": str(home)},
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            check=False,
        )
        assert second.returncode == 2
        assert f"Another `opensense-okta ui` runs on {home}" in second.stderr
        until(lambda: "daemon |" in log.read_text())
        assert len(processes(home)) >= 3
        command.send_signal(signal.SIGTERM)
        assert command.wait(timeout=30) == 0
    assert processes(home) == []
    text = log.read_text()
    assert "Traceback" not in text
    assert text.splitlines()[-1].startswith("Ending the services.")
    assert not (home / ".telemetry").exists()
    own = (REPOSITORY / "dagster_home" / "dagster.yaml").read_text()
    assert (home / "dagster.yaml").read_text() == own
    assert (home / "organizations").is_dir()
    shared = [path for path in home.rglob("*") if path.stat().st_mode & 0o077]
    assert shared == []


@pytest.mark.parametrize(
    "signals",
    [
        (
            signal.SIGHUP,
            signal.SIGTERM,
            signal.SIGTERM,
        ),  # the terminal is closed; somebody is impatient
        (signal.SIGKILL,),
    ],
)
def test_nothing_is_left_however_it_ends(home: Path, signals: tuple[signal.Signals, ...]) -> None:
    log = home.parent / "ui.log"
    with ui(home) as command:
        until(lambda: "daemon |" in log.read_text() or command.poll() is not None)
        for number in signals:
            command.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                command.wait(0.3)
        killed = signals == (signal.SIGKILL,)
        assert command.wait(timeout=30) == (-signal.SIGKILL if killed else 0)
    until(lambda: processes(home) == [])
    assert "Traceback" not in log.read_text()


def test_settings_with_a_mistake_are_reported_in_words(home: Path) -> None:
    (home / "dagster.yaml").write_text("run_retries: [")
    with ui(home) as command:
        assert command.wait(timeout=120) == 1
    shown, *_, end = (home.parent / "ui.log").read_text().splitlines()
    assert shown.startswith(f"web    | Dagster's storage in {home} cannot be opened: ParserError: ")
    assert "What to do: check `dagster.yaml` there" in shown
    assert end.startswith("Error: The service web ended with status 2, so the UI is ended.")
    assert "Traceback" not in (home.parent / "ui.log").read_text()


def test_a_folder_with_other_files_is_not_taken_for_a_home(home: Path) -> None:
    (home / "letter.txt").write_text("dear Bob")
    with ui(home) as command:
        assert command.wait(timeout=60) == 2
    assert f"{home} is no home of Dagster" in (home.parent / "ui.log").read_text()
    assert [path.name for path in home.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "lets other machines in, and the UI has no users"),  # noqa: S104
        (("--host", "example.com"), "lets other machines in"),
        (("--public-url", "dagster.acme.com"), "is no address such as https://dagster.acme.com"),
        (("--public-url", "https://acme.com/dagster"), "without user and path"),
        (("--public-url", "https://ada:secret@acme.com"), "is no address"),
        (("--public-url", "https://acme.com?a=b"), "is no address"),
        (("--port", "65536"), "65536 is not in the range"),
        (("--workspace", "missing.yaml"), "There is no workspace file missing.yaml"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_starts(
    home: Path, options: tuple[str, ...], says: str
) -> None:
    with ui(home, *options) as command:
        assert command.wait(timeout=60) == 2
    assert says in (home.parent / "ui.log").read_text()
    assert list(home.iterdir()) == []
