"""What retention removes, and what it never does."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.config.models import Organization, Retention
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import published
from opensense_okta.publishing.report.report import write_report
from opensense_okta.publishing.retention import Removed, delete_expired
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.lakes import copied
from tests.support.memory import copy_memory, in_folder
from tests.support.stored import DAY, OKTA, company, group, organization, store, user

pytestmark = pytest.mark.usefixtures("lakes")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def ago(*days: int) -> tuple[date, ...]:
    return tuple(DAY - timedelta(days=each) for each in days)


def read(lake: Lake, days: Iterable[date], *users: str, directory: str = "okta") -> None:
    """A snapshot of each of the days."""
    for day in days:
        store(
            lake,
            [user(name, {"title": f"Clerk of {day}"}) for name in users or ("a", "b")],
            [group("g1", "Everyone")],
            [("g1", name) for name in users or ("a", "b")],
            day=day,
            directory=directory,
        )


def put_out(lake: Lake, day: date, *users: str) -> None:
    """A day read, resolved and published."""
    read(lake, [day], *users)
    resolve(organization(), day, lake)
    publish(organization(), lake, day)


FourDays = Mapping[date, Path]


@pytest.fixture(scope="module")
def four_days(lakes: None, tmp_path_factory: pytest.TempPathFactory) -> FourDays:
    """Four days in a row are published: the root of the lake as it was after each."""
    assert lakes is None  # where the lakes are is decided before
    root = tmp_path_factory.mktemp("four days")
    after = {}
    for day in ago(3, 2, 1, 0):
        put_out(Lake(root / "lake", "acme"), day)
        after[day] = root / f"after {day}"
        copied(Lake(root / "lake", "acme"), after[day])
    return after


@pytest.fixture
def kept(four_days: FourDays, tmp_path: Path) -> Lake:
    """A lake of which four days in a row have been published."""
    return copied(Lake(four_days[DAY], "acme"), tmp_path / "kept")


def keeping(
    days: int | None, snapshots: int | None, of: Organization | None = None
) -> Organization:
    """acme, which keeps so much."""
    return (of or organization()).model_copy(
        update={"retention": Retention(days=days, snapshots=snapshots)}
    )


def cleared(
    lake: Lake,
    days: int | None = None,
    snapshots: int | None = None,
    *,
    later: int = 0,
    of: Organization | None = None,
) -> Removed:
    """What retention removes on the day, or so many days later."""
    return delete_expired(keeping(days, snapshots, of), lake, NOON + timedelta(days=later))


def test_nothing_goes_where_the_file_says_nothing(kept: Lake) -> None:
    assert cleared(kept) == Removed()
    assert kept.resolved_days() == kept.snapshot_days("okta") == list(ago(3, 2, 1, 0))


def test_resolved_days_go_that_are_older_than_so_many_days(kept: Lake) -> None:
    removed = cleared(kept, days=2)
    assert removed.days == ago(3)
    assert removed.snapshots == {}
    assert kept.resolved_days() == list(ago(2, 1, 0))
    assert kept.snapshot_days("okta") == list(ago(3, 2, 1, 0))


def test_it_is_the_organizations_own_day_that_counts(kept: Lake) -> None:
    already_tomorrow = keeping(2, None).model_copy(update={"timezone": "Pacific/Kiritimati"})
    assert delete_expired(already_tomorrow, kept, NOON).days == ago(3, 2)


def test_the_newest_snapshots_of_each_directory_stay_by_their_number(lake: Lake) -> None:
    read(lake, ago(9, 7, 2), directory="okta")
    read(lake, ago(30, 20), directory="hr")
    read(lake, ago(40), directory="entra")
    three = company(dict.fromkeys(["okta", "hr", "entra"], OKTA))
    assert cleared(lake, snapshots=2, of=three).snapshots == {"okta": ago(9)}
    assert cleared(lake, snapshots=1, of=three).snapshots == {"hr": ago(30), "okta": ago(7)}
    assert lake.snapshot_days("entra") == list(ago(40))


def test_a_directory_that_the_file_no_longer_has_keeps_the_newest_days_of_all(lake: Lake) -> None:
    read(lake, ago(3, 1), directory="okta")
    read(lake, ago(40, 4, 2), directory="hr")
    assert cleared(lake, snapshots=5).snapshots == {}
    assert cleared(lake, snapshots=3).snapshots == {"hr": ago(40, 4)}
    assert cleared(lake, snapshots=1).snapshots == {"hr": ago(2), "okta": ago(3)}
    assert lake.snapshot_days("hr") == []


def test_a_directory_that_the_file_no_longer_has_keeps_nothing_older_than_its_days(
    lake: Lake,
) -> None:
    read(lake, ago(40, 4), directory="okta")
    read(lake, ago(40, 4), directory="hr")
    assert cleared(lake, days=39).snapshots == {"hr": ago(40)}
    assert lake.snapshot_days("okta") == list(ago(40, 4))


def test_the_published_day_keeps_its_snapshot_of_a_directory_that_was_removed(kept: Lake) -> None:
    read(kept, [DAY + timedelta(days=28)], directory="entra")
    without_okta = company({"entra": OKTA})
    assert cleared(kept, 1, 1, later=30, of=without_okta).snapshots == {"okta": ago(3, 2, 1)}
    assert kept.snapshot_days("okta") == [DAY]


@in_folder
def test_what_is_removed_is_counted(kept: Lake) -> None:
    def size() -> int:
        return sum(path.stat().st_size for path in kept.scratch.rglob("*") if path.is_file())

    before = size()
    removed = cleared(kept, days=1, snapshots=1)
    assert removed.days == ago(3, 2)
    assert removed.snapshots == {"okta": ago(3, 2, 1)}
    assert removed.bytes == before - size() > 0
    assert cleared(kept, days=1, snapshots=1) == Removed()


# What is needed stays.


def test_the_published_days_inputs_stay_however_old_they_are(kept: Lake) -> None:
    read(kept, [DAY + timedelta(days=28)])
    removed = cleared(kept, days=1, snapshots=1, later=30)
    assert removed.days == ago(3, 2)  # yesterday is what the published day was compared with
    assert removed.snapshots == {"okta": ago(3, 2, 1)}

    # All that it takes to publish the same day again, and to say what changed.
    resolve(organization(), DAY, kept)
    again = publish(organization(), kept, DAY)
    assert again.difference is not None
    assert (again.difference.added, again.difference.changed) == (0, 2)


def test_the_next_day_is_compared_with_the_published_one(kept: Lake) -> None:
    cleared(kept, days=1, snapshots=1, later=30)
    later = DAY + timedelta(days=30)
    read(kept, [later], "a", "b", "c")
    resolve(organization(), later, kept)
    done = publish(organization(), kept, later)
    assert done.difference is not None
    assert (done.difference.added, done.difference.changed) == (1, 2)


def test_what_is_published_stays_when_its_day_was_read_again_and_is_held(kept: Lake) -> None:
    was = published(kept)
    assert was is not None
    read(kept, [DAY], "c")
    resolve(organization(), DAY, kept)
    cleared(kept, days=1, snapshots=1, later=30)
    assert kept.resolved(DAY).table(was, "people").exists()
    snapshot = kept.snapshot("okta", DAY).folder / was.resolved.sources["okta"].id
    assert (snapshot / "raw_users.parquet").exists()
    with pytest.raises(Held):  # and is what the guards compare with
        publish(organization(), kept, DAY)


def test_the_ledger_and_the_database_stay_as_they_were(kept: Lake) -> None:
    database, now = kept.database.read_bytes(), published(kept)
    cleared(kept, days=1, snapshots=1, later=30)
    assert kept.ledger_days() == list(ago(3, 2, 1, 0))
    assert kept.database.read_bytes() == database
    assert published(kept) == now


def test_history_reaches_back_as_far_as_days_are_kept(kept: Lake) -> None:
    cleared(kept, days=2)
    put_out(kept, DAY + timedelta(days=1))
    with duckdb.connect(str(kept.database), read_only=True) as connection:
        begins = connection.execute("select min(valid_from) from people_history").fetchall()
    assert begins == [ago(2)]


# Exports and reports.


def exporting(path: str) -> Organization:
    """acme, which exports to that path."""
    return company({"okta": OKTA}, publish={"csv": {"path": path}})


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def published_on(lake: Lake, four_days: FourDays, *days: date) -> Iterator[date]:
    """Publishes one day after another: the files of a lake on which that was done."""
    for day in days:
        shutil.copytree(four_days[day], lake.scratch.parent, dirs_exist_ok=True)
        copy_memory(four_days[day], lake.scratch.parent)
        yield day


def export_days(lake: Lake, four_days: FourDays, to: Organization, *days: date) -> None:
    """The days are published and exported."""
    for day in published_on(lake, four_days, *days):
        assert export_published(to, lake, day)


@pytest.mark.parametrize(
    "path", ["exports/{date}/people.csv", "exports/people-{date}.csv", "to/{date}/a[1]/{date}.csv"]
)
def test_dated_exports_go_with_their_days(lake: Lake, four_days: FourDays, path: str) -> None:
    acme, first = exporting(path), path.partition("/")[0]
    export_days(lake, four_days, acme, *ago(3, 2, 1))
    before = files(lake.scratch / first)
    assert len(before) == 12
    removed = cleared(lake, days=1, of=acme)
    assert removed.exports == ago(3)  # the day before yesterday is what yesterday was compared with
    assert files(lake.scratch / first) == [name for name in before if str(ago(3)[0]) not in name]
    if lake.store.is_local:  # else empty folders of copies are left
        assert not list(lake.scratch.glob(f"{first}/{ago(3)[0]}*"))
    assert cleared(lake, days=1, of=acme) == Removed()


def test_the_last_export_stays_however_old_it_is(lake: Lake, four_days: FourDays) -> None:
    acme = exporting("exports/{date}/people.csv")
    export_days(lake, four_days, acme, *ago(3))
    assert list(published_on(lake, four_days, *ago(2, 1, 0))) == list(ago(2, 1, 0))
    assert cleared(lake, days=1, later=30, of=acme).exports == ()
    assert (lake.scratch / "exports" / str(ago(3)[0]) / "people.csv").exists()


def test_only_the_files_of_an_export_go(lake: Lake, four_days: FourDays) -> None:
    acme = exporting("exports/{date}/people.csv")
    export_days(lake, four_days, acme, *ago(3, 2, 1))
    others = [
        lake.scratch / "exports" / str(ago(3)[0]) / "notes.txt",
        lake.scratch / "exports" / "2026-99-99" / "people.csv",
    ]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.touch()
    assert cleared(lake, days=1, of=acme).exports == ago(3)
    assert files(others[0].parent) == ["notes.txt"]
    assert others[1].exists()


@pytest.mark.parametrize(
    "url", ["{folder}/{{date}}/people.csv", "file://{folder}/{{date}}/people.csv"]
)
def test_exports_elsewhere_stay(lake: Lake, four_days: FourDays, tmp_path: Path, url: str) -> None:
    folder = tmp_path / "elsewhere"
    acme = exporting(url.format(folder=folder))
    export_days(lake, four_days, acme, *ago(3, 2, 1))
    before = files(folder)
    assert cleared(lake, days=1, of=acme).exports == ()
    assert files(folder) == before != []


@in_folder
def test_exports_behind_a_link_stay(lake: Lake, four_days: FourDays, tmp_path: Path) -> None:
    acme = exporting("exports/{date}/people.csv")
    (tmp_path / "elsewhere").mkdir()
    lake.create()
    (lake.scratch / "exports").symlink_to(tmp_path / "elsewhere")
    export_days(lake, four_days, acme, *ago(3, 2, 1))
    assert cleared(lake, days=1, of=acme).exports == ()
    assert len(files(tmp_path / "elsewhere")) == 12


def test_reports_go_with_their_days(kept: Lake) -> None:
    for day in ago(3, 2, 1, 0):
        write_report(organization(), kept, day)
    assert cleared(kept, days=1).reports == ago(3, 2)
    assert files(kept.scratch / "reports") == [f"date={day}.html" for day in ago(1, 0)]
    assert cleared(kept, days=1, later=30).reports == ()  # of the published day, and the one before


# Killed in between.


@pytest.mark.parametrize("gone", [("manifest.json",), ("published.json", "manifest.json")])
@in_folder
def test_a_day_that_was_half_removed_is_removed_by_the_next_run(
    kept: Lake, gone: tuple[str, ...]
) -> None:
    half_removed = kept.resolved(DAY - timedelta(days=3)).folder
    for name in gone:
        (half_removed / name).unlink()
    assert cleared(kept, days=2).days == ago(3)
    assert not half_removed.exists()


@in_folder
def test_what_killed_processes_left_is_swept(lake: Lake) -> None:
    read(lake, [DAY])
    lake.snapshot("okta", DAY).draft()
    removed = delete_expired(keeping(None, None), lake, datetime.now(UTC) + timedelta(days=2))
    assert removed.swept == 1


@in_folder
def test_a_read_that_is_still_open_stays(lake: Lake) -> None:
    read(lake, ago(2, 1))
    lake.snapshot("okta", DAY).draft().pages.mkdir()
    assert cleared(lake, snapshots=1).snapshots == {"okta": ago(2)}
    assert lake.snapshot("okta", DAY).open_drafts()
