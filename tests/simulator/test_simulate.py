import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import ECKey

from opensense_okta.simulator.command import simulate
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from opensense_okta.simulator.okta.oauth import ASSERTION_TYPE, INVALID_CLIENT
from opensense_okta.simulator.vendors import VENDORS

COMMAND = [sys.executable, "-m", "opensense_okta.simulator.command", "--port", "0"]


@contextmanager
def simulating(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in its own process, and the first line that it prints."""
    command = [*COMMAND, *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def refused(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(simulate, arguments)
    return result.exit_code, result.output


def test_the_command_prints_its_url_serves_and_stops_quietly(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    options = ("--users", "30", "--groups", "5", "--memberships", "40", "--day", "2026-11-23")
    more = ("--token", "mine", "--ready-file", str(ready), "--no-entra", "--no-google")
    with simulating(*options, *more) as (process, line):
        assert line.startswith("Okta simulator on http://127.0.0.1:")
        assert line.endswith(": 30 users, 5 groups, day 2026-11-23, API token mine\n")
        url = ready.read_text().strip()
        assert url in line
        answer = httpx.get(f"{url}/api/v1/groups", headers={"Authorization": "SSWS mine"})
        assert len(answer.json()) == 5
        process.send_signal(signal.SIGTERM)
        rest, complaints = process.communicate(timeout=10)
    assert (process.returncode, rest, complaints) == (0, "", "")


def test_the_same_company_has_other_directories_an_hr_file_and_apps_until_ctrl_c(
    tmp_path: Path,
) -> None:
    hr_file, key = tmp_path / "people.csv", tmp_path / "key.json"
    key.write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=False)))
    days = ("--since", "2026-11-20", "--day", "2026-11-23", "--fault", "reset,match=never")
    more = ("--hr-file", str(hr_file), "--client-id", "0oa", "--public-key", str(key))
    google_key = tmp_path / "google.json"
    with_key = ("--google-key-file", str(google_key))
    with simulating(*days, *more, *with_key) as (process, line):
        assert process.stdout
        entra_line, google_line = process.stdout.readline(), process.stdout.readline()
        okta, entra = line.split()[3].rstrip(":"), entra_line.split()[3].rstrip(":")
        assert "day 2026-11-23" in line
        assert entra_line.startswith("Entra simulator on http://127.0.0.1:")
        assert entra_line.endswith(f"client id {CLIENT_ID}, client secret {CLIENT_SECRET}\n")
        google = google_line.split()[3].rstrip(":")
        assert google_line.startswith("Google simulator on http://127.0.0.1:")
        assert google_line.endswith(f"service account's key in {google_key}\n")
        assert google_key.stat().st_mode & 0o077 == 0
        assert json.loads(google_key.read_text())["token_uri"] == f"{google}/token"
        assert httpx.get(f"{google}/admin/directory/v1/users").status_code == 401
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        form |= {"grant_type": "client_credentials", "scope": f"{entra}/.default"}
        answer = httpx.post(f"{entra}/{TENANT_ID}/oauth2/v2.0/token", data=form)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert httpx.get(f"{entra}/v1.0/users", headers=headers).status_code == 200
        first = hr_file.read_text(encoding="utf-8")
        httpx.post(f"{okta}/_simulator/day", json={"day": "2026-11-26"})
        assert httpx.get(f"{entra}/_simulator/day").json() == {"day": "2026-11-26"}
        assert hr_file.read_text(encoding="utf-8") != first
        [fault] = httpx.get(f"{okta}/_simulator/faults").json()
        assert (fault["kind"], fault["struck"]) == ("Reset", 0)
        assertion = jwt.encode({"alg": "ES256"}, {"iss": "0oa"}, ECKey.generate_key("P-256"))
        form = {"grant_type": "client_credentials", "client_assertion": assertion}
        form["client_assertion_type"] = ASSERTION_TYPE
        refusal = httpx.post(f"{okta}/oauth2/v1/token", data=form).json()
        assert refusal["error_description"] == INVALID_CLIENT["signature"]  # it has a key
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=10)
    assert (process.returncode, rest, complaints) == (0, "", "")


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--port", "--entra-port", "--google-port"):
            code, output = refused("--users", "0", "--port", "0", option, str(port))
            assert code == 2
            assert output == f"Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fault", "gremlins"), "--fault: no fault 'gremlins'; there are crowded, delay"),
        (("--fault", "reset,speed=3"), "fault 'reset' knows only match, times, after"),
        (("--entra-fault", "gremlins"), "--entra-fault: no fault 'gremlins'; there are delay"),
        (("--google-fault", "gremlins"), "--google-fault: no fault 'gremlins'; there are crowded"),
        (("--entra-certificate", "/"), "Invalid value for '--entra-certificate'"),
        (("--hr-file", "/no/such/folder/people.csv"), "people.csv: No such file or directory"),
        (("--ready-file", "/no/such/folder/ready"), "ready: No such file or directory"),
        (("--client-id", "0oa"), "--client-id and --public-key belong together"),
        (("--day", "tomorrow"), "does not match the format"),
    ],
)
def test_wrong_use_is_reported(arguments: tuple[str, ...], message: str) -> None:
    code, output = refused("--users", "0", "--port", "0", *arguments)
    assert code == 2
    assert message in " ".join(output.split())


def test_vendors_share_no_option_and_no_default_port() -> None:
    names = [parameter.name for parameter in simulate.params]
    assert len(set(names)) == len(names)
    assert len({vendor.port for vendor in VENDORS}) == len(VENDORS)
    for vendor in VENDORS:
        assert f"{vendor.prefix}_port" in names
        assert all(str(option.name).startswith(f"{vendor.prefix}_") for option in vendor.options)


def test_an_invalid_public_key_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    for text in ("no key", '{"kty": "RSA"}', '{"kty": "oct", "k": "eA"}'):
        key.write_text(text)
        code, output = refused("--client-id", "0oa", "--public-key", str(key))
        assert (code, "--public-key" in output) == (2, True), text


def test_an_invalid_certificate_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("no certificate")
    code, output = refused("--users", "0", "--entra-certificate", str(certificate))
    assert (code, "--entra-certificate" in output) == (2, True)


def test_without_the_extra_the_command_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    code, output = refused("--users", "0", "--port", "0")
    assert code == 2
    assert "faker, which is not installed" in output
    assert "pip install 'opensense-okta[simulate]'" in output


def test_importing_the_command_is_quick_and_imports_nothing_heavy() -> None:
    check = (
        "import sys, opensense_okta.simulator.command; "
        "print(*{'uvicorn', 'faker', 'joserfc', 'starlette', 'msgspec'} & set(sys.modules))"
    )
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
    assert time.perf_counter() - started < 5


def test_the_product_is_not_imported_by_the_simulator() -> None:
    folder = Path(simulate.callback.__code__.co_filename).parent  # type: ignore[union-attr] # set
    lines = [line for path in folder.rglob("*.py") for line in path.read_text().splitlines()]
    imports = [line for line in lines if "import" in line and "opensense_okta" in line]
    assert imports
    assert all("opensense_okta.simulator" in line for line in imports)
