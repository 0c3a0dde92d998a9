"""What the doctor finds, and what it says to do about it."""

import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from opensense_okta.config.models import Organization
from opensense_okta.config.secret import Secret
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.doctor import examine
from opensense_okta.resolution.doctor import examine_organization
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.okta.faults import Empty, RestrictedAdmin, make_fault
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import TOKEN
from tests.directories.test_resume import NOON
from tests.support.days import DAY, Company, a_company
from tests.support.home import make_home

WELL = [
    "dns",
    "tls",
    "clock",
    "credentials",
    "sample",
    "role",
    "rate limit",
    "rate limit",
    "last snapshot",
    "proof",
    "attributes",
]


def an_org() -> Org:
    return Org.create(users=60, groups=6, memberships=80, day=DAY)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """acme with the snapshot of the day."""
    with a_company(tmp_path_factory.mktemp("data"), an_org()) as company:
        company.take()
        yield company


@pytest.fixture
def acme(read: Company) -> Company:
    """acme with the snapshot of the day, and nothing wrong with its Okta."""
    read.okta.faults.clear()
    return read


def findings(
    acme: Company, organization: Organization | None = None, *, hours: float = 1
) -> list[CheckResult]:
    """What is found of acme's Okta, so many hours after noon."""
    with time_machine.travel(NOON + timedelta(hours=hours), tick=True):
        return examine(organization or acme.organization(), acme.lake)["okta"]


def bad(found: list[CheckResult]) -> dict[str, CheckResult]:
    """What is not well; one line each, and what to do about it."""
    wrong = [one for one in found if one.outcome != "passed"]
    for one in found:
        assert "\n" not in one.message + one.hint
        assert one.message.endswith((".", "%."))
    for one in wrong:
        assert one.hint or one.name == "proof", one
    return {one.name: one for one in wrong}


def test_when_all_is_well_every_line_says_so(acme: Company) -> None:
    found = findings(acme)
    assert bad(found) == {}
    assert [one.name for one in found] == WELL
    assert all(one.hint == "" for one in found)
    said = {one.name: one.message for one in found}
    assert said["last snapshot"].startswith("of 2026-11-23, 1 h old, full: 60 users, 6 groups, ")
    listed = sum(user["status"] != "DEPROVISIONED" for user in acme.org.users.values())
    assert said["sample"] == f"{listed} users on the first page."
    assert " of 1000000 calls a minute are left; we use at most " in said["rate limit"]


def test_attributes_are_listed_with_how_many_users_have_them(acme: Company) -> None:
    (attributes,) = [one.message for one in findings(acme) if one.name == "attributes"]
    users = list(acme.org.users.values())
    for name in ("login", "mobilePhone", "deskNumber", "languages"):
        filled = sum(bool(user["profile"].get(name)) for user in users) / len(users)
        assert f"{name} {filled:.0%}" in attributes
    assert attributes.startswith("filled: ")


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (make_fault("invalid-token", times=None), {"credentials": "error"}),
        (make_fault("forbidden"), {"role": "error"}),
        (make_fault("forbidden", match="/groups"), {"role": "error"}),
        (RestrictedAdmin(one_in=1), {"role": "error"}),
        (Empty(times=None), {"sample": "error", "role": "error"}),
        (Empty(match="/groups", times=None), {"role": "error"}),
        (make_fault("unknown-org"), {"endpoint": "error"}),
        (make_fault("redirect", times=None), {"endpoint": "error"}),
        (make_fault("gateway-html", times=None), {"connection": "error"}),
        (make_fault("reset", times=None), {"connection": "error"}),
        (make_fault("malformed", times=None), {"connection": "error"}),
        (make_fault("rate-limited", seconds=50), {"rate limit": "warning"}),
        (make_fault("strange-records", times=None), {}),
    ],
    ids=str,
)
def test_what_okta_answers_is_understood(
    acme: Company, fault: Fault, found: dict[str, str]
) -> None:
    acme.okta.faults.append(fault)
    began = time.perf_counter()
    assert {name: one.outcome for name, one in bad(findings(acme)).items()} == found
    assert time.perf_counter() - began < 10


def test_a_wrong_token_is_told_with_what_to_do_and_is_not_shown(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "00-recognisable-secret-00")
    found = findings(acme)
    wrong = bad(found)["credentials"]
    assert (wrong.outcome, "E0000011" in wrong.message) == ("error", True)
    assert "token" in wrong.hint
    assert "recognisable" not in str(found)


def test_a_missing_token_is_told_by_its_place(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_TOKEN")
    wrong = bad(findings(acme))["credentials"]
    assert wrong.outcome == "error"
    assert "ACME_TOKEN is not set" in wrong.message


def test_a_role_that_sees_only_groups_is_enough_for_a_scope_of_groups(acme: Company) -> None:
    scoped = acme.organization(scope={"groups": ["*"]})
    acme.okta.faults.append(RestrictedAdmin(match="/groups", one_in=1))
    assert "role" not in bad(findings(acme, scoped))
    assert bad(findings(acme, scoped))["scope"].outcome == "warning"


@pytest.mark.parametrize(
    ("skew", "says"),
    [
        (0, None),
        (50, None),
        (-50, None),
        (400, "400 s behind Okta's"),
        (-400, "400 s ahead of Okta's"),
    ],
)
def test_a_clock_that_is_wrong_is_told(tmp_path: Path, skew: float, says: str | None) -> None:
    with a_company(tmp_path, an_org(), clock_skew=skew) as acme:
        wrong = bad(findings(acme)).get("clock")
    if says is None:
        assert wrong is None
    else:
        assert wrong is not None
        seconds = int(says.split()[0])
        assert any(
            says.replace(str(seconds), str(near)) in wrong.message
            for near in range(seconds - 2, seconds + 3)
        )
        assert "clock" in wrong.hint


@pytest.mark.parametrize(
    ("used", "share", "outcome"),
    [
        (0, 0.5, "passed"),
        (290, 0.5, "passed"),
        (400, 0.5, "warning"),
        (400, 1.0, "passed"),
        (600, 0.5, "warning"),
    ],
)
def test_a_rate_limit_that_others_have_eaten_is_told_at_once(
    tmp_path: Path, used: int, share: float, outcome: str
) -> None:
    limits = Limits(users=600, groups=600)
    with (
        a_company(tmp_path, an_org(), limits=limits, rate_limit_share=share) as acme,
        time_machine.travel(NOON, tick=True),
    ):
        for _ in range(used):
            acme.okta.meter.take("users")
        began = time.perf_counter()
        found = examine(acme.organization(), acme.lake)["okta"]
        assert time.perf_counter() - began < 5
    first = next(one for one in found if one.name == "rate limit")
    assert first.outcome == outcome
    assert bool(first.hint) is (outcome != "passed")


@pytest.mark.parametrize(
    ("endpoint", "name", "says"),
    [
        ("https://nowhere.invalid", "dns", "nowhere.invalid is not known"),
        ("http://127.0.0.1:{closed}", "connection", "could not be reached"),
        ("https://127.0.0.1:{closed}", "tls", "no connection to 127.0.0.1"),
    ],
)
def test_an_okta_that_is_not_there_is_told(
    acme: Company, endpoint: str, name: str, says: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    gone = acme.organization(endpoint=endpoint.format(closed=closed))
    wrong = bad(findings(acme, gone))
    assert wrong[name].outcome == "error"
    assert says in wrong[name].message
    assert set(wrong) == {name, "scope"}


def test_a_certificate_that_nobody_vouches_for_is_told(acme: Company) -> None:
    plain = acme.organization(endpoint=acme.okta.url.replace("http:", "https:"))
    wrong = bad(findings(acme, plain))["tls"]
    assert wrong.outcome == "error"


def test_a_mapped_attribute_that_no_longer_exists_is_told(acme: Company) -> None:
    mapped = {"desk": "deskNumber", "floor": "floorNumber", "email": "mail2"}
    wrong = bad(findings(acme, acme.organization(attributes=mapped)))
    assert list(wrong) == ["attributes"]
    assert wrong["attributes"].outcome == "warning"
    says = wrong["attributes"].message
    assert says == "mapped, but no user has them: email (mail2), floor (floorNumber)."


def test_a_mapped_attribute_that_is_blank_everywhere_is_reported(tmp_path: Path) -> None:
    with a_company(tmp_path, an_org()) as acme:
        for user in acme.org.user_ids:
            acme.org.update_profile(user, {"title": ""})
        acme.take(DAY)
        wrong = bad(findings(acme, acme.organization(attributes={"title": "title"})))
    assert wrong["attributes"].message == "mapped, but no user has them: title (title)."


def test_where_there_is_no_snapshot_yet_the_first_sync_is_named(tmp_path: Path) -> None:
    with a_company(tmp_path, an_org()) as acme:
        wrong = bad(findings(acme))
    assert list(wrong) == ["last snapshot"]
    assert wrong["last snapshot"].outcome == "warning"
    assert "opensense-okta sync acme" in wrong["last snapshot"].hint


@pytest.mark.parametrize(("hours", "late"), [(1, False), (25, False), (27, True), (100, True)])
def test_a_snapshot_that_is_late_is_told(acme: Company, hours: int, *, late: bool) -> None:
    assert list(bad(findings(acme, hours=hours))) == (["last snapshot"] if late else [])


def test_a_snapshot_that_is_not_proven_is_told(tmp_path: Path) -> None:
    with a_company(tmp_path, an_org()) as acme:
        acme.okta.faults.append(RestrictedAdmin(match=r"/groups\?", one_in=1))
        acme.take()
        acme.okta.faults.clear()
        wrong = bad(findings(acme))
    assert wrong["proof"].outcome == "error"
    assert "Everyone" in wrong["proof"].message


@pytest.mark.parametrize(("enabled", "outcome"), [(True, "passed"), (False, "warning")])
def test_whether_the_next_sync_comes_by_itself_is_told(
    acme: Company, outcome: str, *, enabled: bool
) -> None:
    organization = acme.organization().model_copy(update={"enabled": enabled})
    with time_machine.travel(NOON):
        (next_sync,) = examine(organization, acme.lake)["acme"]
    assert (next_sync.name, next_sync.outcome) == ("next sync", outcome)
    assert bool(next_sync.hint) is not enabled
    if enabled:
        assert next_sync.message == "2026-11-24 02:00 UTC, while Dagster runs."


@pytest.mark.parametrize(
    ("schedule", "warned"), [("55 23 * * *", True), ("0 23 * * *", True), ("59 22 * * *", False)]
)
def test_a_schedule_shortly_before_midnight_is_warned_of(
    acme: Company, schedule: str, *, warned: bool
) -> None:
    organization = acme.organization().model_copy(update={"schedule": schedule})
    found = {result.name: result for result in examine(organization, acme.lake)["acme"]}
    assert ("schedule" in found) is warned
    if warned:
        assert found["schedule"].outcome == "warning"
        assert "in the last hour before midnight" in found["schedule"].message
        assert "after midnight" in (found["schedule"].hint or "")


# -- the command -----------------------------------------------------------------------------------


def doctor(
    acme: Company, root: Path, *options: str, enabled: bool = True, hours: int = 1
) -> Result:
    """Runs the command for acme, which lies in a home of its own."""
    home = root / "home"
    variables = {
        "DAGSTER_HOME": str(home / "dagster_home"),
        "OPENSENSE_DATA": str(acme.lake.scratch.parent),
        "OPENSENSE_ORGANIZATIONS": None,
    }
    if not home.exists():
        make_home(home, acme.okta.url, enabled=enabled)
    umask = os.umask(0o022)
    try:
        with time_machine.travel(NOON + timedelta(hours=hours), tick=True):
            return CliRunner().invoke(main, ["doctor", "acme", *options], env=variables)
    finally:
        os.umask(umask)


def test_the_command_prints_a_line_for_each_finding(acme: Company, tmp_path: Path) -> None:
    shown = doctor(acme, tmp_path)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        *(f"ok    okta  {name}" for name in WELL),
        "ok    acme  next sync",
        "ok    acme  state files",
    ]


@pytest.mark.parametrize(
    ("fault", "enabled", "status"),
    [
        (None, True, 0),
        (None, False, 0),
        (make_fault("rate-limited", seconds=50), True, 0),
        (make_fault("forbidden"), True, 1),
        (Empty(match="/groups", times=None), True, 1),
    ],
    ids=str,
)
def test_the_exit_status_is_that_of_the_worst_finding(
    acme: Company, tmp_path: Path, fault: Fault | None, *, enabled: bool, status: int
) -> None:
    acme.okta.faults.extend([fault] if fault else [])
    shown = doctor(acme, tmp_path, enabled=enabled)
    assert shown.exit_code == status
    assert ("FAIL  okta" in shown.output) is bool(status)
    assert ("warn  acme  next sync" in shown.output) is not enabled


def test_as_json_it_is_one_document(acme: Company, tmp_path: Path) -> None:
    acme.okta.faults.append(make_fault("forbidden"))
    shown = doctor(acme, tmp_path, "--json")
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)
    assert list(found) == ["okta", "acme"]
    for one in [*found["okta"], *found["acme"]]:
        assert list(one) == ["name", "level", "says", "remedy"]
        assert all(isinstance(value, str) for value in one.values())
        assert one["level"] in {"ok", "warn", "fail"}
    (wrong,) = [one for one in found["okta"] if one["level"] == "fail"]
    assert wrong["name"] == "role"
    assert TOKEN not in shown.output


def test_an_unknown_organization_is_wrong_use(acme: Company, tmp_path: Path) -> None:
    doctor(acme, tmp_path)
    variables = {"DAGSTER_HOME": str(tmp_path / "home" / "dagster_home")}
    umask = os.umask(0o022)
    try:
        shown = CliRunner().invoke(main, ["doctor", "amce"], env=variables)
    finally:
        os.umask(umask)
    assert shown.exit_code == 2
    assert "Did you mean acme?" in shown.output


def test_secrets_and_files_that_other_users_can_read_are_named(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "history").mkdir(parents=True)
    key = tmp_path / "token"
    key.write_text(TOKEN)
    for path, mode in ((home, 0o755), (home / "history", 0o700), (key, 0o640)):
        path.chmod(mode)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    plain = acme.organization()
    okta = plain.directories["okta"].model_copy(
        update={"api_token": Secret.model_validate({"file": key})}
    )
    organization = plain.model_copy(update={"directories": {"okta": okta}})
    results = [result for _, result in examine_organization(organization, acme.lake)]
    (secret,) = [result for result in results if result.name == "secret file"]
    assert secret.outcome == "warning"
    assert f"file {key}" in secret.message
    assert f"chmod 600 {key}" in secret.hint
    (files,) = [result for result in results if result.name == "private files"]
    assert files.message == (f"other users of this machine can read 1 file, such as {home}.")
    key.chmod(0o600)
    home.chmod(0o700)
    monkeypatch.setenv("OPENSENSE_RUN_DAYS", "2")
    found = {result.name: result for _, result in examine_organization(organization, acme.lake)}
    assert not found.keys() & {"secret file", "private files"}
    assert "OPENSENSE_RUN_DAYS=2 is no number of days from 3 on" in found["environment"].message
    assert found["environment"].outcome == "warning"
