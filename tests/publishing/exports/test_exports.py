"""What is exported beside the database, and how it gets to its place."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import fsspec  # type: ignore[import-untyped]  # comes without types
import pytest

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import export
from opensense_okta.storage.lake import Lake
from tests.support.exporting import DAY, Exports, Person, Read, acme, ada, bob, resolved, rows
from tests.support.memory import in_folder

NAMES = ["people.changes.csv", "people.csv", "people.csv.sha256", "people.parquet"]


def test_an_organization_without_an_export_gets_none(lake: Lake, tmp_path: Path) -> None:
    organization = acme(tmp_path, None)
    assert export(organization, lake, resolved(lake, [ada()]), DAY, before=None) == []


def test_a_csv_follows_rfc_4180(exports: Exports, read: Read) -> None:
    exports([ada(title="Head"), bob(title='Head of "Ops", North\nand South')])
    assert read() == (
        b"person_id,given_name,title\r\n"
        b"p1,Ada,Head\r\n"
        b'p2,Bob,"Head of ""Ops"", North\nand South"\r\n'
    )


UNSEEN = [
    "\u200b",
    "\ufeff",
    "\u00ad",
    "\u200e",
    "\u2060",
    "\u034f",
    "\ufe0f",
    "\u3164",
    "\U000e0001",
]

CELLS: list[tuple[str | None, str]] = [
    ("Zoë, 李 小龍 🚀", "Zoë, 李 小龍 🚀"),
    ("one\r\ntwo", "one\r\ntwo"),
    ("", ""),
    (None, ""),
    ("null", "null"),
    ("007", "007"),
    # what a spreadsheet would run
    ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
    ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
    ("-2+3", "'-2+3"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\tx", "'\tx"),
    ("\rx", "'\rx"),
    (" =1+1", "' =1+1"),
    (" \t=1+1", " \t'=1+1"),
    ("\u00a0=1+1", "'\u00a0=1+1"),
    ('"=1+1', "'\"=1+1"),
    ("'=1+1", "''=1+1"),
    ("\uff1d1+1", "'\uff1d1+1"),
    ("\uff0bcmd", "'\uff0bcmd"),
    ("\uff0d1", "'\uff0d1"),
    ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
    ("\ufe66SUM(A1)", "'\ufe66SUM(A1)"),
    # behind what nobody sees: zero width, a byte order mark, a soft hyphen, marks of direction, …
    *((f"{unseen}=1+1", f"'{unseen}=1+1") for unseen in UNSEEN),
    ("\u200b\ufeff \u200e@SUM(A1)", "'\u200b\ufeff \u200e@SUM(A1)"),
    ("\x01x", "'\x01x"),
    # where semicolons separate cells, and where lines are taken for rows
    ("Ops;=1+1", "Ops;'=1+1"),
    ("Ops;\u200b=1+1", "Ops;'\u200b=1+1"),
    ("Ops\n=1+1", "Ops\n'=1+1"),
    ("+A1", "'+A1"),
    ("+1+1", "'+1+1"),
    ("+1*1", "'+1*1"),
    ("+", "'+"),
    ("+1 555 0100\n=1+1", "+1 555 0100\n'=1+1"),
    ("+1 555 0100;+cmd", "+1 555 0100;'+cmd"),
    # what only looks like it
    ("R&D = fun", "R&D = fun"),
    ("O'Neill", "O'Neill"),
    ("a@acme.com", "a@acme.com"),
    ("Ops; R&D = fun", "Ops; R&D = fun"),
    ("\u200bAda", "\u200bAda"),
    # phone numbers stay usable
    ("+15550100", "+15550100"),
    ("+1 (555) 010-0100", "+1 (555) 010-0100"),
    ("+49 30/901820.5", "+49 30/901820.5"),
    ("+1 555 0100 x12", "+1 555 0100 x12"),
    ("+1 555 0100 ext. 12", "+1 555 0100 ext. 12"),
    ("+44\u00a020\u00a07946", "+44\u00a020\u00a07946"),
    ("+49 30 123", "+49 30 123"),
    ("+49\u201130\u2013123", "+49\u201130\u2013123"),
    ("\u202a+49 30 123\u202c", "\u202a+49 30 123\u202c"),
    ("\uff0b\uff18\uff11 3 1234", "\uff0b\uff18\uff11 3 1234"),
    ("+1 555 0100 #12", "+1 555 0100 #12"),
    ("+1-555-0100;ext=12", "+1-555-0100;ext=12"),
    ("+49 30 123; +49 170 456", "+49 30 123; +49 170 456"),
]


pytestmark = pytest.mark.usefixtures("lakes")


@pytest.fixture(scope="module")
def titles(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The titles of `CELLS` as they were exported, in one go."""
    lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
    people = [ada(person_id=f"{n:03}", title=title) for n, (title, _) in enumerate(CELLS)]
    settings = "{path: people.csv, columns: [person_id, title]}"
    export(acme(lake.scratch, settings), lake, resolved(lake, people), DAY, before=None)
    return [title for _, title in rows((lake.scratch / "people.csv").read_bytes())[1:]]


@pytest.mark.parametrize("case", range(len(CELLS)), ids=[ascii(title) for title, _ in CELLS])
def test_a_cell_shows_the_value_and_never_runs(titles: list[str], case: int) -> None:
    assert titles[case] == CELLS[case][1]


def test_lists_accounts_and_booleans_are_text(exports: Exports, read: Read) -> None:
    person = ada(
        aliases=["a@acme.com", "=b", "+49 30 1"],
        directories=["okta", "hr"],
        accounts=[{"directory": "okta", "id": "00u1"}, {"directory": "hr", "id": "7"}],
    )
    exports(
        [person, bob(aliases=[])],
        csv="{path: exports/people.csv, columns: [active, aliases, directories, accounts]}",
    )
    assert rows(read())[1:] == [
        ["true", "a@acme.com;'=b;+49 30 1", "okta;hr", "okta/00u1;hr/7"],
        ["true", "", "", ""],
    ]


def test_all_attributes_in_the_contract_s_order_are_exported_by_default(
    exports: Exports, read: Read
) -> None:
    exports([ada()], csv="{path: exports/people.csv}")
    assert rows(read())[0] == [*STANDARD_ATTRIBUTES, "desk"]


def test_headers_say_which_values_users_may_edit(exports: Exports, read: Read) -> None:
    exports(
        [ada(title="Head", mobile_phone="+1 555 0100")],
        csv=(
            "{path: exports/people.csv, columns: [email, title, mobile_phone],"
            " locked: [title], unlocked: [mobile_phone]}"
        ),
    )
    header = ["email", "title-locked", "mobile_phone-unlocked"]
    assert rows(read()) == [header, ["ada@acme.com", "Head", "+1 555 0100"]]
    assert rows(read("people.changes.csv"))[0] == ["change", *header]


def test_columns_can_have_other_headers(exports: Exports, read: Read) -> None:
    exports(
        [ada(title="Head")],
        csv=(
            "{path: exports/people.csv, locked: [title],"
            """ columns: {email: E-mail, title: 'The "role", in short'}}"""
        ),
    )
    assert read() == (b'E-mail,"The ""role"", in short-locked"\r\nada@acme.com,Head\r\n')
    assert rows(read("people.changes.csv"))[0] == [
        "change",
        "E-mail",
        'The "role", in short-locked',
    ]
    assert duckdb.read_parquet(str(read.folder / "people.parquet")).columns == ["email", "title"]


def test_a_column_can_have_a_value_of_the_manager(exports: Exports, read: Read) -> None:
    """Of the person's own, active manager; nobody who is not exported is named."""
    csv = "{path: exports/people.csv, columns: {given_name: Name, manager.given_name: Boss}}"
    gone = {"person_id": "p3", "given_name": "Grace", "active": False}
    mary = {"person_id": "p4", "given_name": "Mary", "manager_id": "p3"}
    before = [ada(), bob(manager_id="p1"), gone, mary]
    exports(before, csv=csv)
    assert rows(read()) == [["Name", "Boss"], ["Ada", ""], ["Bob", "Ada"], ["Mary", ""]]
    exports([ada(given_name="Ada M."), bob(manager_id="p1"), gone, mary], before=before, csv=csv)
    assert rows(read("people.changes.csv"))[1:] == [
        ["changed", "Ada M.", ""],
        ["changed", "Bob", "Ada M."],
    ]
    table = duckdb.read_parquet(str(read.folder / "people.parquet"))
    assert table.columns == ["given_name", "manager.given_name"]


def test_only_active_people_are_exported(exports: Exports, read: Read) -> None:
    exports([ada(active=False), bob()])
    assert [row[0] for row in rows(read())] == ["person_id", "p2"]


def test_nobody_active_leaves_the_header(exports: Exports, read: Read) -> None:
    exports([])
    assert read() == b"person_id,given_name,title\r\n"
    assert read("people.changes.csv") == b"change,person_id,given_name,title\r\n"


def test_an_attribute_that_the_day_does_not_know_yet_is_empty(exports: Exports, read: Read) -> None:
    exports(
        [ada()],
        before=[ada()],
        csv="{path: exports/people.csv, columns: [email, desk]}",
        without="desk",
    )
    assert rows(read())[1:] == [["ada@acme.com", ""]]
    assert rows(read("people.changes.csv"))[1:] == []


CHANGES = [
    ("nobody is known yet", None, [ada(title="Head")], [["added", "p1", "Ada", "Head"]]),
    ("someone came", [bob()], [bob(), ada()], [["added", "p1", "Ada", ""]]),
    ("someone came back", [ada(active=False)], [ada()], [["added", "p1", "Ada", ""]]),
    ("someone is gone", [ada(title="Head")], [], [["removed", "p1", "Ada", "Head"]]),
    (
        "someone turned inactive",
        [ada(title="Head")],
        [ada(active=False, title="Former Head")],
        [["removed", "p1", "Ada", "Head"]],
    ),
    ("a value changed", [ada(title="A")], [ada(title="B")], [["changed", "p1", "Ada", "B"]]),
    ("a value went", [ada(title="A")], [ada()], [["changed", "p1", "Ada", ""]]),
    ("nothing changed", [ada(), bob()], [bob(), ada()], []),
    ("what is not exported changed", [ada(region="A")], [ada(region="B")], []),
    ("an inactive person changed", [ada(active=False)], [ada(active=False, title="A")], []),
]


@pytest.mark.parametrize(
    ("before", "people", "changes"),
    [case[1:] for case in CHANGES],
    ids=[case[0] for case in CHANGES],
)
def test_the_changes_turn_the_file_before_into_this_one(
    exports: Exports,
    read: Read,
    before: list[Person] | None,
    people: list[Person],
    changes: list[list[str]],
) -> None:
    exports(before or [])
    known = {row[0]: row for row in rows(read())[1:]}
    exports(people, before=before)
    assert rows(read("people.changes.csv"))[1:] == changes
    for change, *row in changes:
        assert (row[0] in known) == (change != "added")
        known = {key: old for key, old in known.items() if key != row[0]}
        known |= {} if change == "removed" else {row[0]: row}
    assert [known[key] for key in sorted(known)] == rows(read())[1:]


def test_a_column_that_readers_have_not_seen_yet_is_told_of_everybody_who_has_a_value(
    exports: Exports, read: Read
) -> None:
    people = [ada(title="Head"), bob()]
    exports(
        people,
        before=people,
        csv="{path: exports/people.csv, columns: [person_id, title]}",
        csv_before="{path: exports/people.csv, columns: [person_id]}",
    )
    assert rows(read("people.changes.csv"))[1:] == [["changed", "p1", "Head"]]


TITLE_AS_ROLE = "{path: exports/people.csv, columns: {person_id: id, title: role}}"
DEPARTMENT_AS_ROLE = "{path: exports/people.csv, columns: {person_id: id, department: role}}"


def test_a_header_that_another_column_gets_is_told_of_everybody_whose_text_differs(
    exports: Exports, read: Read
) -> None:
    people = [
        ada(title="Head"),
        bob(title="Ops", department="Ops"),
        {"person_id": "p3", "department": "Sales"},
    ]
    exports(people, before=people, csv=DEPARTMENT_AS_ROLE, csv_before=TITLE_AS_ROLE)
    assert rows(read("people.changes.csv"))[1:] == [
        ["changed", "p1", ""],
        ["changed", "p3", "Sales"],
    ]


def test_an_export_of_a_version_that_recorded_headers_only_is_continued(
    exports: Exports, read: Read
) -> None:
    csv = "{path: exports/people.csv, columns: [person_id, title], locked: [title]}"
    people = [ada(title="Head"), bob(title="Ops")]
    exports([ada(title="Lead"), people[1]], before=people, csv=csv, with_columns=False)
    assert rows(read("people.changes.csv"))[1:] == [["changed", "p1", "Lead"]]


AGAIN = [
    ("someone came and is gone", [ada()], [bob()], [], [["added", "p2"], ["removed", "p1"]]),
    ("a value came and went", [ada(title="B")], [ada()], [ada()], [["changed", "p1"]]),
    ("someone left and came back", [], [ada()], [ada()], [["changed", "p1"]]),
    ("nothing is otherwise", [ada(title="B")], [ada(title="B")], [ada()], [["changed", "p1"]]),
    ("nothing happened", [ada()], [ada()], [ada()], []),
]


@pytest.mark.parametrize(
    ("again", "people", "before", "changes"),
    [case[1:] for case in AGAIN],
    ids=[case[0] for case in AGAIN],
)
def test_a_day_exported_again_takes_back_what_it_told_before(
    exports: Exports,
    read: Read,
    again: list[Person],
    people: list[Person],
    before: list[Person],
    changes: list[list[str]],
) -> None:
    exports(people, before=before, again=again)
    assert sorted(row[:2] for row in rows(read("people.changes.csv"))[1:]) == changes


def test_parquet_has_the_same_people_and_columns_with_their_own_types(
    exports: Exports, read: Read
) -> None:
    exports(
        [bob(aliases=["b", "c"], title="=1"), ada(active=False)],
        csv="{path: exports/people.csv, columns: [title, active, aliases], locked: [title]}",
    )
    table = duckdb.read_parquet(str(read.folder / "people.parquet"))
    assert list(zip(table.columns, map(str, table.types), strict=True)) == [
        ("title", "VARCHAR"),
        ("active", "BOOLEAN"),
        ("aliases", "VARCHAR[]"),
    ]
    assert table.fetchall() == [("=1", True, ["b", "c"])]


def test_checksums_are_what_sha256sum_reads(exports: Exports, read: Read) -> None:
    exports([ada(), bob()])
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "people.csv.sha256"],
        cwd=read.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "people.csv: OK\npeople.changes.csv: OK\npeople.parquet: OK\n"


@in_folder
def test_the_export_says_what_it_made(exports: Exports, read: Read) -> None:
    made = exports([ada(), bob(title="Head")], before=[ada(), bob()])
    assert {(one.what, Path(one.url).name, one.rows) for one in made} == {
        ("people", "people.csv", 2),
        ("changes", "people.changes.csv", 1),
        ("parquet", "people.parquet", 2),
        ("checksums", "people.csv.sha256", 3),
    }
    # The checksums arrive last: whoever finds them fitting has files of one day.
    assert made[-1].what == "checksums"
    for one in made:
        assert Path(one.url).parent == read.folder
        assert one.bytes == len(Path(one.url).read_bytes())
        summed = subprocess.check_output(["sha256sum", one.url], text=True)
        assert summed.split()[0] == one.sha256


def test_the_same_day_twice_gives_the_same_bytes(exports: Exports, read: Read) -> None:
    people = [ada(), bob(title="Head")]
    exports(people, before=[ada()])
    first = {name: read(name) for name in NAMES}
    exports(people[::-1], before=[ada()])
    assert {name: read(name) for name in NAMES} == first


def test_files_are_private_and_nothing_else_is_left(
    exports: Exports, lake: Lake, read: Read
) -> None:
    exports([ada()])
    assert sorted(path.name for path in read.folder.iterdir()) == NAMES
    assert {path.stat().st_mode & 0o777 for path in read.folder.iterdir()} == {0o600}
    assert read.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in lake.scratch.glob(".*")] == []


def test_the_day_can_be_part_of_the_path(exports: Exports, lake: Lake) -> None:
    exports([ada()], csv="{path: 'exports/{date}/acme-{date}.csv'}")
    assert sorted(path.name for path in (lake.scratch / "exports" / "2026-11-23").iterdir()) == [
        "acme-2026-11-23.changes.csv",
        "acme-2026-11-23.csv",
        "acme-2026-11-23.csv.sha256",
        "acme-2026-11-23.parquet",
    ]


@pytest.mark.parametrize("form", ["{0}/drop/people.csv", "file://{0}/drop/people.csv"])
def test_an_absolute_path_leads_out_of_the_lake(
    exports: Exports, tmp_path: Path, form: str
) -> None:
    exports([ada()], csv=f"{{path: '{form.format(tmp_path)}'}}")
    assert sorted(path.name for path in (tmp_path / "drop").iterdir()) == NAMES


def other_organization(lake: Lake) -> str:
    return str(Lake(lake.scratch.parent, "globex").scratch / "people.csv")


def ledger(lake: Lake) -> str:
    return f"file://{lake.scratch}/identities/date={{date}}.csv"


def link(lake: Lake) -> str:
    lake.create()
    (lake.scratch / "exports").symlink_to(lake.scratch / "resolved")
    return "exports/people.csv"


@pytest.mark.parametrize("lead", [other_organization, ledger, link])
@in_folder
def test_a_path_that_leads_among_the_lakes_own_files_is_refused(
    exports: Exports, lake: Lake, lead: Callable[[Lake], str]
) -> None:
    path = lead(lake)
    with pytest.raises(ExportFailed) as failed:
        exports([ada()], csv=f"{{path: '{path}'}}")
    assert str(failed.value).startswith("acme: The export's path leads to /")
    assert "name a folder of this organization in publish.csv.path" in failed.value.remedy
    assert not failed.value.transient
    assert [*lake.scratch.parent.rglob("people*.csv*")] == []


def test_a_url_s_escapes_are_understood(exports: Exports, tmp_path: Path) -> None:
    exports([ada()], csv=f"{{path: 'file://{tmp_path}/the%20drop/all%20people.csv'}}")
    assert (tmp_path / "the drop" / "all people.csv").exists()
    assert (tmp_path / "the drop" / "all people.parquet").exists()


@in_folder
def test_what_a_killed_export_left_is_gone_after_the_next(exports: Exports, read: Read) -> None:
    exports([ada()])
    (read.folder / ".people.csv.unfinished").write_bytes(b"person_id,gi")
    exports([ada(), bob()])
    assert sorted(path.name for path in read.folder.iterdir()) == NAMES
    assert len(rows(read())) == 3


@in_folder
def test_a_place_that_cannot_be_written_keeps_the_old_file(exports: Exports, read: Read) -> None:
    exports([ada()])
    old = read()
    # `people.csv` arrives after what is now in its way.
    (read.folder / "people.parquet").unlink()
    (read.folder / "people.parquet").mkdir()
    with pytest.raises(ExportFailed) as failed:
        exports([ada(), bob()])
    assert read() == old
    assert [path.name for path in read.folder.glob(".*")] == []
    assert str(failed.value).startswith("acme: The export cannot be written into ")
    assert "The directory itself is published." in str(failed.value)


@pytest.fixture
def memory() -> object:
    """fsspec's file system in memory, empty."""
    store = fsspec.filesystem("memory")
    if store.exists("/drop"):
        store.rm("/drop", recursive=True)
    return store


@in_folder
def test_any_url_of_fsspec_is_a_place(exports: Exports, memory: fsspec.AbstractFileSystem) -> None:
    for people in ([ada()], [ada(), bob()]):
        made = exports(people, csv="{path: 'memory://drop/{date}/people.csv'}")
    assert sorted(Path(path).name for path in memory.ls("/drop/2026-11-23", detail=False)) == NAMES
    assert len(rows(memory.cat_file("/drop/2026-11-23/people.csv"))) == 3
    assert made[0].url.startswith("memory://drop/2026-11-23/people.")


MISTAKES = [
    (
        "{path: exports/people.csv, columns: [email, titel]}",
        "publish.csv.columns names titel, which is neither an attribute nor another column",
    ),
    (
        "{path: exports/people.csv, columns: [email], locked: [title]}",
        "publish.csv.locked names title, which is not one of the columns",
    ),
    (
        "{path: exports/people.csv, columns: [given_name], rows: alias}",
        "publish.csv.rows alias needs the column email, which has the address of each row",
    ),
    ("{path: exports/people.csv, rows: aliases}", "publish.csv.rows"),
    ("{path: 'dvc://host/people.csv'}", "Nothing installed here can write to dvc: URLs"),
    (
        "{path: 'ftp://acme:hunter2@files.example/people.csv'}",
        "publish.csv.path must not hold a password or a query",
    ),
]


@pytest.mark.parametrize(("csv", "words"), MISTAKES)
@in_folder
def test_a_mistake_in_the_file_is_told(exports: Exports, csv: str, words: str) -> None:
    """When the file is read, as far as that can be known then."""
    with pytest.raises((OrganizationFileError, ExportFailed)) as failed:
        exports([ada()], csv=csv)
    assert words in str(failed.value)
    assert "hunter2" not in str(failed.value)
    assert not getattr(failed.value, "transient", False)
