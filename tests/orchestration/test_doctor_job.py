"""The doctor as a job: it fails, with the same words, when the next sync would."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.simulator.okta.faults import make_fault
from tests.support.company import Company, Run, a_company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company after its first sync, which the doctor only reads."""
    with a_company(tmp_path_factory.mktemp("data")) as company:
        assert company.run().succeeded
        yield company


@pytest.fixture(autouse=True)
def _private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the repository can be read by others."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))


@pytest.fixture
def synced(company: Company) -> Iterator[Company]:
    """The same company, without the faults of the test before."""
    company.okta.faults.clear()
    yield company
    company.okta.faults.clear()


def lines(run: Run, level: str) -> list[str]:
    """What the run has logged at a level."""
    return [
        entry.user_message
        for entry in run.events
        if entry.dagster_event is None and entry.level == getattr(logging, level)
    ]


def test_the_job_succeeds_and_logs_a_line_for_each_finding(synced: Company) -> None:
    run = synced.run("doctor", None)
    assert run.succeeded
    said = lines(run, "INFO")
    assert [line.split(": ")[1] for line in said] == [
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
        "next sync",
        "rules",
        "state files",
    ]
    assert lines(run, "ERROR") == []


def test_the_job_fails_with_the_words_and_the_remedy(synced: Company) -> None:
    synced.okta.faults.append(make_fault("forbidden"))
    run = synced.run("doctor", None)
    assert run.record.status is dg.DagsterRunStatus.FAILURE
    words = run.words()
    assert words.startswith("okta: role: Okta refuses access: an administrator role is missing")
    assert "Read-Only Administrator" in words
    assert lines(run, "ERROR") == [words]


def test_what_only_may_go_wrong_does_not_fail_the_job(acme: Company) -> None:
    run = acme.run("doctor", None)
    assert run.succeeded
    (warning,) = lines(run, "WARNING")
    assert warning == (
        "okta: last snapshot: there is none yet. Start the first sync: opensense-okta sync acme"
    )


def test_the_job_tells_no_secret_and_nobody_by_name(synced: Company) -> None:
    text = synced.run("doctor", None).text()
    assert "simulator-token" not in text
    for user in synced.okta.org.users.values():
        assert user["profile"]["login"] not in text
