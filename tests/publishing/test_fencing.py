"""A process that lost the organization's lock, and does not know it, overwrites nothing.

Another process replaces a file just after this one has seen it. Each step then ends with `Changed`, and what
the other process wrote stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from opensense_okta.publishing import history
from opensense_okta.publishing.approval import record_approval
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.notifications.state import save, stored_state
from opensense_okta.publishing.publish import publish, restore_ledger
from opensense_okta.publishing.published import published, read_publication, resolved_day
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Changed, Document, Version
from tests.support.lakes import copied
from tests.support.stored import DAY, OKTA, company, group, store, user

pytestmark = pytest.mark.slow

YESTERDAY = DAY - timedelta(days=1)
ACME = company({"okta": OKTA}, publish={"csv": {"path": "exports/people.csv"}})
STRICT = company({"okta": OKTA}, guards={"removed": {"count": 0, "percent": 0}})
OTHERS = b"of the other process"


@dataclass(frozen=True)
class Overtaken(Folder):
    """A store in which another process replaces one file just after this process has seen it.

    Attributes:
        name: of the file.
        seen: the inode of the file of the other process, once this process has seen the one before.
    """

    name: str = ""
    seen: list[int] = field(default_factory=list)

    def read(self, name: str) -> Document | None:
        document = super().read(name)
        self._replace(name)
        return document

    def version(self, name: str) -> Version:
        version = super().version(name)
        self._replace(name)
        return version

    def _replace(self, name: str) -> None:
        if name == self.name and not self.seen:
            path = self.root / name
            content = path.read_bytes() if path.exists() else OTHERS
            if (
                name == f"identities/date={DAY}.parquet"
            ):  # the ledger of a day is read before it is written
                content = (self.root / f"identities/date={YESTERDAY}.parquet").read_bytes()
            path.parent.mkdir(parents=True, exist_ok=True)
            other = path.with_name(".other")
            other.write_bytes(content)
            other.replace(path)
            self.seen.append(path.stat().st_ino)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Yesterday is published and exported; today is resolved and judged."""
    lake = Lake(tmp_path_factory.mktemp("judged"), "acme")
    for day in (YESTERDAY, DAY):
        everyone = [user(f"u{number}") for number in range(10)]
        store(lake, everyone, [group("g1", "Everyone")], [("g1", "u1")], day=day)
        resolve(ACME, day, lake)
        judge(lake) if day == DAY else publish(ACME, lake, day)
    export_published(ACME, lake, YESTERDAY)
    return lake


@pytest.fixture
def lake(judged: Lake, tmp_path: Path) -> Lake:
    return copied(judged, tmp_path / "lake")


def judge(lake: Lake) -> None:
    judge_day(ACME, lake, resolved_day(lake, DAY))


def judge_again(lake: Lake) -> None:
    """The stored judgement is one under other limits, so the day is compared again."""
    judge_day(STRICT, lake, resolved_day(lake, DAY))


def approve(lake: Lake) -> None:
    record_approval(lake, judge_day(ACME, lake, resolved_day(lake, DAY)), "Ada")


def notify(lake: Lake) -> None:
    _, over = stored_state(lake)
    save(lake, [], None, over)


def lose_and_restore_the_ledger(lake: Lake) -> None:
    lake.ledger(YESTERDAY).unlink()
    restore_ledger(lake)


RESOLVED = f"resolved/date={DAY}"

STEPS: dict[str, Callable[[Lake], object]] = {
    f"{RESOLVED}/manifest.json": lambda lake: resolve(ACME, DAY, lake),
    f"{RESOLVED}/judgement.json": judge_again,
    f"{RESOLVED}/*/changes.parquet": judge_again,
    f"{RESOLVED}/approval.json": approve,
    "published.json": lambda lake: publish(ACME, lake, DAY),
    f"identities/date={DAY}.parquet": lambda lake: publish(ACME, lake, DAY),
    f"identities/date={YESTERDAY}.parquet": lose_and_restore_the_ledger,
    "directory.duckdb": lambda lake: publish(ACME, lake, DAY),
    f"{RESOLVED}/published.json": lambda lake: publish(ACME, lake, DAY),
    "exported.json": lambda lake: export_published(ACME, lake, YESTERDAY),
    f"reports/date={YESTERDAY}.html": lambda lake: write_report(ACME, lake, YESTERDAY),
    "notices.json": notify,
}


@pytest.mark.parametrize("file", STEPS)
def test_what_another_process_wrote_since_stays(lake: Lake, file: str) -> None:
    name = next(
        (path.relative_to(lake.scratch).as_posix() for path in lake.scratch.glob(file)), file
    )
    overtaken = Overtaken(lake.scratch, name)
    lake.store = overtaken
    with pytest.raises(Changed) as raised:
        STEPS[file](lake)
    assert raised.value.transient
    assert overtaken.url(name) in raised.value.message
    assert overtaken.seen
    assert (lake.scratch / name).stat().st_ino == overtaken.seen[0]
    assert list((lake.scratch / name).parent.glob(f".{file.rpartition('/')[2]}.*")) == []


def test_a_publication_that_was_overtaken_leaves_that_of_its_successor(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = history.fill

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(history, "fill", fill)
        other = Lake(lake.root, "acme")
        resolve(ACME, DAY, other)
        publish(ACME, other, DAY)
        fill(*arguments)  # type: ignore[arg-type]  # the arguments are passed on as they are

    monkeypatch.setattr(history, "fill", overtaken)
    with pytest.raises(Changed):
        publish(ACME, lake, DAY)
    last = published(lake)
    assert last is not None
    assert last.resolved == resolved_day(lake, DAY)
    assert last == read_publication(lake, DAY)
    assert lake.store.mark("directory.duckdb") == last.file
