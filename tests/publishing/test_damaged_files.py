"""Each kind of file of the lake, damaged in each way: what is published, what is said, what recovers it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from pathlib import Path

import duckdb
import pytest
from pydantic import BaseModel

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.publishing.approval import approve_day, numbers
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.notifications.state import save
from opensense_okta.publishing.publish import Held, publish, restore_ledger
from opensense_okta.publishing.published import resolved_day
from opensense_okta.publishing.retention import delete_expired
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import usable_state
from opensense_okta.storage.store import ABSENT
from tests.support.stored import DAY, OKTA, company, group, rows_of, store, user

pytestmark = pytest.mark.slow

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
ALL, FEW = 60, 20
ACME = company({"okta": OKTA}, publish={"csv": {"path": "exports/people.csv"}})


def read(lake: Lake, users: int, day: date) -> None:
    everyone = [user(f"u{n}", {"displayName": f"person {n}"}) for n in range(users)]
    store(lake, everyone, [group("g1", "Everyone")], [], day=day)


def sync(lake: Lake, day: date, organization: Organization = ACME) -> None:
    """What a run does once the directory is read."""
    restore_ledger(lake)
    resolve(organization, day, lake)
    publish(organization, lake, day)
    export_published(organization, lake, day)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days are published with everyone. A third with a few is held back and approved."""
    lake = Lake(tmp_path_factory.mktemp("synced") / "data", "acme")
    for day in (YESTERDAY, DAY):
        read(lake, ALL, day)
        sync(lake, day)
        if day == YESTERDAY:
            shutil.copytree(lake.scratch, lake.scratch.parent / "yesterday")
    save(lake, [], None, ABSENT)
    read(lake, FEW, TOMORROW)
    resolve(ACME, TOMORROW, lake)
    judgement = judge_day(ACME, lake, resolved_day(lake, TOMORROW))
    approve_day(ACME, lake, TOMORROW, by="Ada", numbers_seen=numbers(judgement))
    return lake.scratch.parent


@pytest.fixture
def lake(synced: Path, tmp_path: Path) -> Lake:
    shutil.copytree(synced, tmp_path / "data")
    return Lake(tmp_path / "data", "acme")


def people(lake: Lake) -> int:
    """How many people the readers of the database see."""
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        ((counted,),) = connection.execute("select count(*) from people").fetchall()
    return int(counted)


def publish_resolved(lake: Lake, day: date) -> None:
    """What a run does once the day is resolved."""
    publish(ACME, lake, day)


def outcome(lake: Lake, step: Callable[[Lake, date], None] = sync) -> str:
    """What the next run does: the number of published people, `held`, or the class of the error."""
    try:
        step(lake, TOMORROW)
    except Held as held:
        return "held: nothing to compare with" if held.judgement.incomparable else "held"
    except UserError as error:
        return type(error).__name__
    return str(people(lake))


# How files are damaged.


def missing(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def garbage(file: Path) -> None:
    file.write_bytes(b"\x00\xff{garbage" * 1000)


DAMAGE: tuple[Callable[[Path], None], ...] = (missing, empty, cut, garbage)


@dataclass(frozen=True)
class Kind:
    """A kind of file, and what the next run does without it.

    Attributes:
        file: below the folder of the organization; `*` is the id of the tables.
        then: what the next run does.
        old: what it does with the file of a day earlier.
        recover: what a person does as the remedy says; None: the next run has recovered it.
        said: whether doctor names the damaged file.
    """

    file: str
    then: str = str(FEW)
    old: str = str(FEW)
    earlier: str = ""
    recover: Callable[[Lake], None] | None = None
    said: bool = True


def approve(lake: Lake) -> None:
    judgement = judge_day(ACME, lake, resolved_day(lake, TOMORROW))
    approve_day(ACME, lake, TOMORROW, by="Ada", numbers_seen=numbers(judgement))


def resolve_day_again(lake: Lake) -> None:
    shutil.rmtree(next(lake.resolved(DAY).folder.glob("*/accounts.parquet")).parent)
    resolve(ACME, DAY, lake)


def read_again(lake: Lake) -> None:
    read(lake, FEW, TOMORROW)


def at(folder: str, day: date, name: str) -> str:
    return f"{folder}/date={day}/{name}"


SNAPSHOTS = "snapshots/directory=okta"
KINDS: Mapping[str, Kind] = {
    "manifest of the day's snapshot": Kind(
        at(SNAPSHOTS, TOMORROW, "manifest.json"),
        then=str(ALL),  # as if the directory had not been read that day
        old=str(ALL),
        earlier=at(SNAPSHOTS, YESTERDAY, "manifest.json"),
    ),
    "manifest of an earlier snapshot": Kind(
        at(SNAPSHOTS, DAY, "manifest.json"), earlier=at(SNAPSHOTS, YESTERDAY, "manifest.json")
    ),
    "manifest of the resolved day": Kind(
        at("resolved", TOMORROW, "manifest.json"), earlier=at("resolved", DAY, "manifest.json")
    ),
    "judgement": Kind(
        at("resolved", TOMORROW, "judgement.json"), earlier=at("resolved", DAY, "judgement.json")
    ),
    "approval": Kind(at("resolved", TOMORROW, "approval.json"), then="held", recover=approve),
    "mark of the published day": Kind(
        at("resolved", DAY, "published.json"), earlier=at("resolved", YESTERDAY, "published.json")
    ),
    "mark of an earlier day": Kind(at("resolved", YESTERDAY, "published.json")),
    "published.json": Kind("published.json", earlier="published.json"),
    "database": Kind("directory.duckdb", old="held", earlier="directory.duckdb", recover=approve),
    # The approval was for a comparison with a later export.
    "state of exports": Kind("exported.json", old="held", earlier="exported.json"),
    "state of notifications": Kind("notices.json"),
    "ledger": Kind(f"identities/date={YESTERDAY}.parquet"),
    "ledger of the published day": Kind(
        f"identities/date={DAY}.parquet", earlier=f"identities/date={YESTERDAY}.parquet"
    ),
    "table of the published day": Kind(
        at("resolved", DAY, "*/people.parquet"),
        then="TableDamaged",
        recover=resolve_day_again,
        said=False,
    ),
    "table of the day's snapshot": Kind(
        at(SNAPSHOTS, TOMORROW, "*/raw_users.parquet"),
        then="TableDamaged",
        recover=read_again,
        said=False,
    ),
}
TABLES = ("table of the published day", "table of the day's snapshot")
DOCUMENTS = [name for name, kind in KINDS.items() if kind.said and kind.file.endswith(".json")]

TOGETHER: tuple[tuple[str, ...], ...] = (
    (
        "manifest of an earlier snapshot",
        "manifest of the resolved day",
        "judgement",
        "mark of an earlier day",
        "state of notifications",
        "ledger of the published day",
    ),
    ("mark of the published day", "ledger"),
    ("published.json",),
    ("database",),
    ("state of exports",),
    ("manifest of the day's snapshot",),
)
"""Kinds without which the next run publishes, in groups of files none of which replaces another one.

A run that does without all files of a group does without each of them. Not in one group are a ledger
and the mark of its day, from which it is written again, and the three files that say what is published.
"""


def the_file(lake: Lake, name: str) -> Path:
    (file,) = lake.scratch.glob(KINDS[name].file)
    return file


def said(lake: Lake) -> str:
    return "\n".join(result.text for result in examine_state_files(lake))


def in_words(names: Sequence[str]) -> str:
    return ", ".join(names)


def test_each_kind_is_damaged() -> None:
    assert sorted([*chain(*TOGETHER), "approval", *TABLES]) == sorted(KINDS)


@pytest.mark.parametrize("damage", [empty, cut, garbage], ids=lambda damage: damage.__name__)
def test_each_damaged_file_is_named_with_what_to_do(
    lake: Lake, damage: Callable[[Path], None]
) -> None:
    """A document that is damaged in whatever way is read as none: the next test damages in two ways."""
    files = [the_file(lake, name) for name, kind in KINDS.items() if kind.said]
    for file in files:
        damage(file)
    advice = [result for result in examine_state_files(lake) if "What to do: " in result.text]
    assert [file for file in files if not any(str(file) in result.text for result in advice)] == []
    for name in DOCUMENTS:
        assert usable_state(lake.store, KINDS[name].file, BaseModel) is None


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_each_damaged_ledger_is_written_again(lake: Lake, damage: Callable[[Path], None]) -> None:
    before = {day: rows_of(lake.ledger(day)) for day in (YESTERDAY, DAY)}
    for day in before:
        damage(lake.ledger(day))
    assert restore_ledger(lake) == [YESTERDAY, DAY]
    assert {day: rows_of(lake.ledger(day)) for day in before} == before


WAYS = [(names, damage) for names in TOGETHER for damage in (missing, garbage)]
WAYS += [(("database",), empty), (("database",), cut)]


@pytest.mark.parametrize(
    ("names", "damage"),
    WAYS,
    ids=[f"{damage.__name__}, {in_words(names)}" for names, damage in WAYS],
)
def test_a_damaged_file_replaces_no_directory_unchecked(
    lake: Lake, names: Sequence[str], damage: Callable[[Path], None]
) -> None:
    for name in names:
        damage(the_file(lake, name))
    (then,) = {KINDS[name].then for name in names}
    assert outcome(lake) == then


@pytest.mark.parametrize("name", ["approval", *TABLES])
def test_what_cannot_be_published_without_a_file_is_published_once_a_person_has_replaced_it(
    lake: Lake, name: str
) -> None:
    kind, file = KINDS[name], the_file(lake, name)
    whole = file.read_bytes()
    step: Callable[[Lake, date], None] = sync
    for damage in DAMAGE:
        file.write_bytes(whole)
        damage(file)
        lost = name == "table of the published day" and damage is missing
        assert outcome(lake, step) == ("NotResolved" if lost else kind.then), damage.__name__
        assert people(lake) == ALL  # the last good directory stays
        if name != "table of the day's snapshot":  # the day is resolved now
            step = publish_resolved
    assert kind.recover is not None
    kind.recover(lake)
    if kind.recover is not approve and outcome(lake) == "held":  # other tables, another judgement
        approve(lake)
    assert outcome(lake) == str(FEW)


@pytest.mark.parametrize("names", TOGETHER, ids=in_words)
def test_an_old_copy_of_a_file_misleads_nobody(lake: Lake, names: Sequence[str]) -> None:
    old = [KINDS[name] for name in names if KINDS[name].earlier]
    for kind in old:
        earlier = "directory.duckdb", "published.json", "exported.json"
        root = lake.scratch.parent / "yesterday" if kind.earlier in earlier else lake.scratch
        shutil.copy2(root / kind.earlier, lake.scratch / kind.file)
    (then,) = {kind.old for kind in old}
    assert outcome(lake) == then
    if then == "held":
        approve(lake)
        assert outcome(lake) == str(FEW)


def test_copies_beside_files_and_folders_that_are_no_day_are_ignored(lake: Lake) -> None:
    for name in KINDS:
        file = the_file(lake, name)
        shutil.copy2(file, file.with_name(f"{file.stem} (copy){file.suffix}"))
    copies = ("date=foo", f"date={TOMORROW} (copy)", "date=20261125")
    for folder in (lake.resolved(TOMORROW).folder, lake.snapshot("okta", TOMORROW).folder):
        for copy in copies:
            shutil.copytree(folder, folder.with_name(copy))
    ledger = lake.ledger(DAY)
    for copy in copies:
        shutil.copy2(ledger, ledger.with_name(f"{copy}.parquet"))
    assert outcome(lake) == str(FEW)
    assert said(lake) == "every document of the lake can be read."
    kept = ACME.model_copy(update={"retention": ACME.retention.model_copy(update={"days": 1})})
    delete_expired(
        kept, lake, datetime.combine(TOMORROW + timedelta(days=30), time(12), tzinfo=UTC)
    )
    for copy in copies:
        assert lake.resolved(TOMORROW).folder.with_name(copy).exists()


# Files of another user.


NOBODY = 65534


@pytest.fixture
def everyones(synced: Path) -> Iterator[Lake]:
    """The lake, owned by another user than root, below folders that everyone may enter."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    if not all(folder.stat().st_mode & 0o001 for folder in Path(__file__).parents):
        pytest.skip("other users cannot read the repository: it is in a private folder")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(synced, f"{folder}/data")
        for path in [Path(folder), *Path(folder).rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        yield Lake(Path(folder) / "data", "acme")


def as_nobody(lake: Lake) -> str:
    """`outcome`, as the owner of the lake."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
            text = outcome(lake)
        except BaseException as error:  # noqa: BLE001 - reported to the test
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reader, 10_000).decode()


@pytest.mark.parametrize("names", [*TOGETHER, ("approval",), *zip(TABLES)], ids=in_words)
def test_a_file_of_another_user_is_as_a_damaged_one(everyones: Lake, names: Sequence[str]) -> None:
    for name in names:
        file = the_file(everyones, name)
        os.chown(file, 0, 0)
        file.chmod(0o600)
    (then,) = {KINDS[name].then for name in names}
    assert as_nobody(everyones) == then
