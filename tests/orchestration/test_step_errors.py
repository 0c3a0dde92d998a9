"""Errors in what a step and the retention job do besides their main work are reported in words, too."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Never

import duckdb
import pytest

from opensense_okta.orchestration import jobs, names
from opensense_okta.orchestration.assets import build, metadata
from opensense_okta.orchestration.notifications import notify_after_run
from opensense_okta.orchestration.run_status import retention_failed
from opensense_okta.storage.engine import MemoryTooSmall
from tests.support.company import DAY, Company, Run, a_company
from tests.support.noticeboard import a_noticeboard

RESOLVED = ["acme/people", "acme/provenance"]
DENIED = PermissionError(13, "Permission denied", "/srv/lake/acme/resolved/x.parquet")
FULL = OSError(28, "No space left on device", "/srv/lake/acme/resolved/x.parquet")
LOCKED = sqlite3.OperationalError("database is locked")
TOO_SMALL = MemoryTooSmall("The query needs more memory.", remedy="raise OPENSENSE_MEMORY_LIMIT.")


def raising(error: Exception) -> Callable[..., Never]:
    def raise_it(*_: object) -> Never:
        raise error

    return raise_it


def resolve(company: Company) -> Run:
    company.keep(DAY)
    return company.run("resolve", only=RESOLVED)


def test_the_advice_on_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "advise", raising(TOO_SMALL))
    with a_company(tmp_path) as acme:
        run = resolve(acme)
        assert run.failure == names.PERMANENT
        assert "What to do: raise OPENSENSE_MEMORY_LIMIT." in run.words()


@pytest.mark.parametrize(
    ("error", "failure", "words"),
    [
        (DENIED, names.PERMANENT, "may not use /srv/lake/acme/resolved/x.parquet"),
        (FULL, names.TRANSIENT, "the disk is full"),
        (LOCKED, names.TRANSIENT, "is locked by another process"),
    ],
    ids=["rights", "full", "locked"],
)
def test_the_metadata_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, failure: str, words: str
) -> None:
    monkeypatch.setattr(metadata, "table_metadata", raising(error))
    with a_company(tmp_path) as acme:
        run = resolve(acme)
        assert run.failure == failure
        assert words in run.words()
        assert ("It is not retried: Dagster's daemon" in run.words()) == (
            failure == names.TRANSIENT
        )


@pytest.mark.parametrize(
    "error",
    [
        duckdb.ConversionException("Could not convert string 'Kim Osei' to INT32"),
        duckdb.ConstraintException('duplicate key "Kim Osei"'),
        duckdb.InvalidInputException("Malformed JSON. Input: 'Kim Osei'"),
    ],
    ids=["conversion", "constraint", "input"],
)
def test_an_unexpected_error_that_quotes_a_value_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(metadata, "table_metadata", raising(error))
    with a_company(tmp_path) as acme:
        run = resolve(acme)
        assert not run.succeeded
        assert run.words().startswith(f"acme: an unexpected error ({type(error).__name__}). ")
        assert "Kim Osei" not in run.text()


def test_the_retention_job_which_is_notified_until_it_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify = [{"env": "ACME_PAGER"}]
    with (
        a_noticeboard() as board,
        a_company(tmp_path, retention={"days": 30}, notify=notify) as acme,
    ):
        monkeypatch.setenv("ACME_PAGER", board.url)
        with monkeypatch.context() as patched:
            patched.setattr(jobs, "delete_expired", raising(DENIED))
            failed = acme.run("retention", day=None)
        assert failed.failure == names.PERMANENT
        assert "acme: The user" in failed.words()
        for _ in range(2):
            notify_after_run(acme.instance, acme.organization, acme.lake)
        (post,) = board.posts
        assert post["title"] == "acme: expired data was not deleted"
        assert "may not use /srv/lake/acme/resolved/x.parquet" in post["message"]
        assert f"/runs/{failed.id}" in post["message"]
        assert acme.run("retention", day=None).succeeded
        now = datetime.now(UTC)
        assert retention_failed(acme.instance, acme.organization, now) == []
