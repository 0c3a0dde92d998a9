"""Notifications of a lake, or of their lock, that belongs to another user: they are sent all the same."""

import os
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from opensense_okta.orchestration import names
from opensense_okta.publishing.notifications import delivery
from tests.orchestration.test_notifications import FAILED, TOKEN_GONE, TWO, UNREADABLE, Daemon
from tests.support.noticeboard import DAY, a_noticeboard, put_out
from tests.support.unprivileged import NOBODY, give, open_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user"),
]


@pytest.mark.parametrize("foreign", ["notices.lock", ""])
def test_they_are_sent_once(foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        open_folder() as folder,
        a_noticeboard() as board,
        dg.DagsterInstance.ephemeral() as instance,
        time_machine.travel(TWO, tick=False) as clock,
    ):
        monkeypatch.setenv("ACME_PAGER", board.url)
        daemon = Daemon(instance, folder / "data", board, clock)
        put_out(daemon.lake(), DAY - timedelta(days=1))
        assert daemon.sends() == []
        give(folder / "data", NOBODY)
        lock_out(daemon.lake().scratch / foreign)
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        delivery._load()  # noqa: SLF001 # imports its modules, which nobody may not read
        os.seteuid(NOBODY)
        try:
            said = [daemon.words(), daemon.words()]
        finally:
            os.seteuid(0)
        expected = [UNREADABLE, FAILED] if foreign else [UNREADABLE]
        assert sorted(board.news()) == sorted(expected), said


def lock_out(path: Path) -> None:
    os.chown(path, 0, 0)
    path.chmod(0o700)
