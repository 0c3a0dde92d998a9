"""A run that lost the organization's lock and was overtaken by its successor."""

from pathlib import Path

import pytest

from opensense_okta.orchestration import names
from opensense_okta.publishing import history
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import published, resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, a_company

pytestmark = pytest.mark.slow


def test_a_run_that_was_overtaken_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = history.fill

    with a_company(tmp_path) as acme:

        def overtaken(*arguments: object) -> None:
            monkeypatch.setattr(history, "fill", fill)
            other = Lake(tmp_path, "acme")
            resolve(acme.organization, DAY, other)
            publish(acme.organization, other, DAY)
            fill(*arguments)  # type: ignore[arg-type]  # the arguments are passed on as they are

        monkeypatch.setattr(history, "fill", overtaken)
        acme.keep(DAY)
        run = acme.run("resolve")
        assert run.failure == names.TRANSIENT
        assert "published.json was replaced by another process" in run.words()
        last = published(acme.lake)
        assert last is not None
        assert last.resolved == resolved_day(acme.lake, DAY)
