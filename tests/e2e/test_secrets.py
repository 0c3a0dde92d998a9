"""No secret is written (invariant 5): not to an event, a tag, a log, a traceback, a file or an argument."""

import json
import logging
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import psutil
import pytest

from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run as ReadRun
from opensense_okta.directories.read import take_snapshot
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Answer, Fault, Malformed, Redirect, Reset, Truncated
from opensense_okta.simulator.messages import Call
from opensense_okta.simulator.messages import Reply as SimulatorReply
from opensense_okta.simulator.okta.faults import (
    MEMBERS,
    Empty,
    Failure,
    FaultContext,
    ForeignNext,
    RateLimited,
    RepeatedCursor,
    TokensExpire,
    make_fault,
)
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from tests.directories.okta.test_okta_faults import impatience
from tests.directories.okta.test_okta_reader import GROUPS, USERS
from tests.support import app
from tests.support.company import DAY, UNHURRIED, Company, Run, a_company, an_organization
from tests.support.place import Place

API_TOKEN = "00-this-Is-a-Secret-api-TOKEN_42"
PEM = app.pem(app.key("P-256"))
JWK = app.jwk(app.key("P-256"), kid="main")


@dataclass(kw_only=True)
class Overheard(Fault):
    """Nothing goes wrong; what is sent as a secret is written down, and so are the tokens issued."""

    match: str = ""
    times: int | None = None
    secrets: set[str] = field(default_factory=set)

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> SimulatorReply:
        del context
        self._add(call.headers.get("authorization", "").partition(" ")[2])
        self._add(call.headers.get("dpop", ""))
        form = parse_qs(call.body.decode())
        self._add(*form.get("client_assertion", ()))
        reply = await answer(call)
        if "oauth2" in call.path and reply.status == 200:
            self._add(json.loads(reply.body)["access_token"])
        return reply

    def _add(self, *found: str) -> None:
        """Of a JWT, what tells it from all others: its claims and its signature."""
        for secret in found:
            parts = secret.split(".")[1:] if secret.count(".") == 2 else [secret]
            self.secrets.update(part for part in parts if len(part) >= 16)


def stored_secrets() -> set[str]:
    """The pieces of the stored secrets that tell them."""
    lines = {line for line in PEM.splitlines() if "-----" not in line}
    return {API_TOKEN, *lines, json.loads(JWK)["d"]}


def told(text: str, secrets: set[str]) -> list[str]:
    """The secrets of which half is in the text; a text may have been cut."""
    return [secret for secret in secrets if secret[: max(len(secret) // 2, 12)] in text]


FAULTS: list[Fault] = [
    Failure(code="E0000006", match=USERS, times=None),
    Failure(code="E0000011", match=GROUPS, times=None),
    Failure(code="E0000005", match=MEMBERS, times=None),
    Failure(code="E0000009", match=USERS, times=None),
    Failure(
        status=400,
        match="GET",
        times=None,
        headers={"www-authenticate": 'DPoP error="invalid_dpop_proof"'},
    ),
    Failure(status=500, match="POST|GET", times=None),
    Failure(status=401, match="POST|GET", body='{"error": "invalid_client"}', times=None),
    Failure(status=200, match="POST|GET", body="<p>sorry</p>", times=None),
    make_fault("gateway-html", match=GROUPS, times=None),
    make_fault("unknown-org", match="POST|GET"),
    Reset(match=GROUPS, times=None),
    Reset(match="POST|GET", times=None),
    Truncated(match=USERS, times=None),
    Malformed(match=MEMBERS, times=None),
    Malformed(match="POST|GET", times=None),
    RateLimited(match="POST|GET", times=None),
    RateLimited(match=MEMBERS, times=None, concurrency=True),
    TokensExpire(match="GET", times=None),
    Empty(match=USERS),
    RepeatedCursor(match=USERS, times=None),
    ForeignNext(match=GROUPS),
    Redirect(match=USERS),
    Redirect(match="POST|GET"),
]


def name_of(case: object) -> str:
    return f"{type(case).__name__} {case.match}" if isinstance(case, Fault) else str(case)


def okta_settings(url: str, credentials: str) -> dict[str, object]:
    settings: dict[str, object] = {"kind": "okta", "endpoint": url, "rate_limit_share": 1.0}
    if credentials == "token":
        return settings | {"api_token": {"env": "SECRET_TOKEN"}}
    return settings | {"client_id": app.APP, "private_key": {"env": "SECRET_KEY"}}


@pytest.fixture(scope="module")
def company(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """acme, whose Okta is read with an API token, or as an app with and without DPoP."""
    org = Org.create(users=20, groups=4, memberships=30)
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch, a_company(root, org) as acme, impatience():
        patch.setenv("SECRET_TOKEN", API_TOKEN)
        patch.setenv("SECRET_KEY", JWK if request.param == "dpop" else PEM)
        acme.okta.access.tokens.add(API_TOKEN)
        client = app.client(app.key("P-256"), dpop=request.param == "dpop")
        acme.okta.access.endpoint.clients[client.id] = client
        directories = {"okta": okta_settings(acme.okta.url, request.param)}
        acme.organization = an_organization(acme.okta.url, directories=directories)
        yield acme


def everything_of(run: Run) -> str:
    """All that is kept of a run, its tracebacks with their causes spelled out."""
    errors = [
        event.step_failure_data.error.to_string()
        for entry in run.events
        if (event := entry.dagster_event)
        and event.is_step_failure
        and event.step_failure_data.error
    ]
    return "\n".join([run.text(), *errors])


WHOLE_RUNS: list[tuple[str, Fault | None]] = [
    ("dpop", None),
    ("dpop", FAULTS[2]),
    ("dpop", FAULTS[6]),
    ("bearer", None),
    ("bearer", FAULTS[5]),
    ("token", None),
    ("token", FAULTS[0]),
]
"""Runs of Dagster: a good one for each kind of credential, and one for each place that fails."""

# The app with DPoP has the most secrets: it gets all faults. The others get those of their own code.
READS = [
    *[("dpop", fault) for fault in FAULTS],
    *[("bearer", fault) for fault in (FAULTS[5], FAULTS[17])],
    *[("token", fault) for fault in (*FAULTS[:4], FAULTS[10], FAULTS[21])],
]


def overhear(company: Company, fault: Fault | None) -> Overheard:
    """Begins with an empty lake and lets the fault happen; records the secrets that are sent."""
    shutil.rmtree(company.lake.scratch / "snapshots", ignore_errors=True)
    overheard = Overheard()
    if fault:
        fault.struck = 0
    company.okta.access.tokens.add(API_TOKEN)
    company.okta.faults[:] = [overheard, *([fault] if fault else [])]
    return overheard


def assert_kept(company: Company, overheard: Overheard, *texts: str) -> None:
    """Neither the texts nor any file of the lake has a secret."""
    secrets = overheard.secrets | stored_secrets()
    assert len(overheard.secrets) >= 1
    for text in texts:
        assert told(text, secrets) == []
    for path in company.lake.scratch.rglob("*"):
        assert path.is_dir() or told(path.read_bytes().decode("latin-1"), secrets) == []


@pytest.mark.slow
@pytest.mark.parametrize(("company", "fault"), WHOLE_RUNS, indirect=["company"], ids=name_of)
def test_no_secret_is_in_a_run_its_log_or_its_files(
    company: Company,
    fault: Fault | None,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    overheard = overhear(company, fault)
    with caplog.at_level(logging.DEBUG):
        run = company.run()
    assert run.succeeded is (fault is None)
    assert_kept(company, overheard, everything_of(run), caplog.text, *capfd.readouterr())


@pytest.mark.parametrize(("company", "fault"), READS, indirect=["company"], ids=name_of)
def test_no_secret_is_in_an_error_its_traceback_the_log_or_the_files(
    company: Company,
    fault: Fault,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    overheard = overhear(company, fault)
    reader = ReadRun("a run", "its group")
    with caplog.at_level(logging.DEBUG), pytest.raises(DirectoryError) as raised:
        take_snapshot(company.organization, "okta", DAY, company.lake, reader, no_progress)
    error = "".join(traceback.format_exception(raised.value))
    assert_kept(company, overheard, error, repr(raised.value), caplog.text, *capfd.readouterr())


# The command.

ORGANIZATION = """\
timezone: UTC
first_day: 2020-01-01
directories:
  okta:
    kind: okta
    endpoint: {endpoint}
    rate_limit_share: 1.0
    client_id: {client}
    private_key: {{env: SECRET_KEY}}
"""


@dataclass
class Watch:
    """The arguments of this process's descendants, looked at again and again."""

    arguments: set[str] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.is_set():
            for process in psutil.Process().children(recursive=True):
                try:
                    self.arguments.update(process.cmdline())
                except psutil.Error:
                    continue
            time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    org = Org.create(users=20, groups=4, memberships=30)
    client = app.client(app.key("P-256"))
    with running(Simulator(org, clients=[client], limits=UNHURRIED)) as okta:
        place = Place(tmp_path_factory.mktemp("place"), okta)
        text = ORGANIZATION.format(endpoint=okta.url, client=app.APP)
        (place.home / "organizations" / "acme.yaml").write_text(text)
        yield place


@pytest.mark.slow
def test_the_command_its_files_and_its_arguments_tell_no_secret(place: Place) -> None:
    place.okta.faults[:] = [overheard := Overheard()]
    with Watch() as watch:
        ended = place.run("sync", "acme", "--json", SECRET_KEY=PEM)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "done"
    assert any("opensense-okta" in argument for argument in watch.arguments)
    secrets = overheard.secrets | stored_secrets()
    assert_nowhere(place, secrets, ended.stdout, ended.stderr, *watch.arguments)


@pytest.mark.slow
def test_a_command_and_its_files_do_not_tell_a_key_that_is_broken(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.okta.faults[:] = [overheard := Overheard()]
    broken = PEM.replace("-----END", "----END")
    ended = place.run_here(capfd, "sync", "acme", "--json", SECRET_KEY=broken)
    assert ended.status == 1, ended.err
    assert ended.document["status"] == "failed"
    lines = {line for line in broken.splitlines() if "----" not in line}
    assert_nowhere(place, overheard.secrets | stored_secrets() | lines, ended.out, ended.err)


def assert_nowhere(place: Place, secrets: set[str], *texts: str) -> None:
    """Neither the texts, nor any file of the place, nor any event of its runs has a secret."""
    for text in texts:
        assert told(text, secrets) == []
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(place.home) and path.suffix == ".db" for path in files)
    for path in files:
        assert told(path.read_bytes().decode("latin-1"), secrets) == [], path
    with place.instance() as instance:
        runs = [Run(run.run_id, instance) for run in instance.get_runs()]
        assert runs
        for run in runs:
            assert told(everything_of(run), secrets) == []
