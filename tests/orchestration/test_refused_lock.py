"""A run that may not use the organization's lock file, because another user owns it."""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from opensense_okta.orchestration import names
from opensense_okta.orchestration.failures import describe_failures
from opensense_okta.orchestration.locks import files
from opensense_okta.orchestration.run_status import status_of
from tests.support.company import DAY, QUIET, a_company

pytestmark = pytest.mark.slow


def test_the_run_and_the_notification_say_whose_file_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> bool:
        raise PermissionError(
            13, "Permission denied", str(tmp_path / "acme/locks/organization.lock")
        )

    monkeypatch.setattr(files, "_acquired", denied)
    with a_company(tmp_path) as acme:
        acme.keep(DAY)
        job = acme.definitions.resolve_job_def("acme__sync")
        result = job.execute_in_process(
            instance=acme.instance,
            partition_key=str(DAY),
            run_config=QUIET,
            raise_on_error=False,
        )
        run = acme.instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags[names.FAILURE] == names.PERMANENT
        (words,) = describe_failures(result.all_events)  # what the command prints
        noon = datetime.combine(DAY, time(12), UTC)
        status = status_of(
            acme.instance, acme.organization, acme.lake, noon, watched=False, retried=True
        )
        (incident,) = status.troubles
    for text in (words, incident.what):
        assert "acme: The user" in text
        assert "may not use" in text
        assert "organization.lock" in text
        assert "the published directory is as it was" in text
    assert "chown" in words
    assert incident.remedy in words
