"""The kind csv: files as human-resources systems export them."""

import asyncio
import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import duckdb
import fsspec  # type: ignore[import-untyped]  # it ships no types
import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]  # neither
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.csv import reader as kind
from opensense_okta.directories.errors import DirectoryError, IncompleteListing, Unreachable
from opensense_okta.directories.protocol import SHARED_SQL, Progress, no_progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.storage import engine
from opensense_okta.storage.sql import Sql


@dataclass(frozen=True)
class Read:
    """What came of a read: profiles by id, the other tables, and what is known of it."""

    profiles: dict[str, dict[str, str]]
    statuses: dict[str, str]
    groups: list[tuple[Any, ...]]
    memberships: list[tuple[str, str]]
    nested_groups: list[tuple[str, str]]
    member_reads: list[tuple[str, str]]
    evidence: dict[str, int]
    cost: Cost


def read(
    users: str | Path | dict[str, str],
    listener: Callable[[Progress], None] = no_progress,
    **keys: str | bool | dict[str, str] | None,
) -> Read:
    """Reads a directory of files.

    Raises:
        DirectoryError: as the reader does.
    """
    location = users if isinstance(users, dict) else str(users)
    directory = CsvDirectory(kind="csv", users=location, **keys)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with ReadCheckpoint(folder, kind.FILES) as spool, engine.start(folder) as connection:
            Sql(connection, SHARED_SQL).run("no_nested_groups.sql")
            reader = kind.Reader(directory, spool, connection, None, True, listener)
            cost = asyncio.run(reader.run())
            for table in (*TABLES, "member_reads"):
                engine.store(connection, table, folder / f"{table}.parquet")
                engine.view(connection, table, folder / f"{table}.parquet")
            return Read(
                {
                    i: json.loads(p)
                    for i, p in rows(connection, "select id, profile from raw_users")
                },
                dict(rows(connection, "select id, status from raw_users")),
                rows(connection, "select id, name, description from raw_groups order by id"),
                rows(connection, "select group_id, user_id from memberships order by all"),
                rows(connection, "from nested_groups order by all"),
                rows(connection, "select group_id, how from member_reads order by all"),
                reader.collect_evidence(),
                cost,
            )


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def failure(
    users: str | Path | dict[str, str],
    **keys: Any,  # noqa: ANN401 - whatever the organization file may say
) -> DirectoryError:
    """The error that a read ends in."""
    with pytest.raises(DirectoryError) as caught:
        read(users, **keys)
    return caught.value


ANNA = {"id": "007", "title": "Größe; klein", "hired": "01/02/2026"}
GOOD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "comma": ("id,title,hired\n007,Größe; klein,01/02/2026\n".encode(), {}),
    "semicolon": ('id;title;hired\n007;"Größe; klein";01/02/2026\n'.encode(), {}),
    "tab": ("id\ttitle\thired\n007\tGröße; klein\t01/02/2026\n".encode(), {}),
    "vertical bar": ("id|title|hired\n007|Größe; klein|01/02/2026\n".encode(), {}),
    "a delimiter that is set": (
        "id^title^hired\n007^Größe; klein^01/02/2026\n".encode(),
        {"delimiter": "^"},
    ),
    "a delimiter of two bytes": (
        "id§title§hired\n007§Größe; klein§01/02/2026\n".encode(),
        {"delimiter": "§"},
    ),
    "byte order mark": ("\ufeffid,title,hired\n007,Größe; klein,01/02/2026\n".encode(), {}),
    "UTF-16 with its mark": ("id,title,hired\n007,Größe; klein,01/02/2026\n".encode("utf-16"), {}),
    "UTF-16 without": (
        "id,title,hired\n007,Größe; klein,01/02/2026\n".encode("utf-16-be"),
        {"encoding": "utf-16-be"},
    ),
    "latin-1": (
        "id,title,hired\n007,Größe; klein,01/02/2026\n".encode("latin-1"),
        {"encoding": "latin-1"},
    ),
    "windows-1252": (
        "id,title,hired\n007,Größe; klein,01/02/2026\n".encode("cp1252"),
        {"encoding": "windows-1252"},
    ),
    "CRLF": ("id,title,hired\r\n007,Größe; klein,01/02/2026\r\n".encode(), {}),
    "CR alone": ("id,title,hired\r007,Größe; klein,01/02/2026\r".encode(), {}),
    "no line end at the end": ("id,title,hired\n007,Größe; klein,01/02/2026".encode(), {}),
    "line ends of several sorts": (
        "id,title,hired\n007,Größe; klein,01/02/2026\r\n".encode(),
        {},
    ),
    "everything quoted": ('"id","title","hired"\n"007","Größe; klein","01/02/2026"\n'.encode(), {}),
    "white space around headers": (
        " id , title,\u00a0hired \n007,Größe; klein,01/02/2026\n".encode(),
        {},
    ),
    "white space around the id": (
        "id,title,hired\n\u00a0007 ,Größe; klein,01/02/2026\n".encode(),
        {},
    ),
    "a mark that contradicts what is set": (
        "\ufeffid,title,hired\n007,Größe; klein,01/02/2026\n".encode(),
        {"encoding": "latin-1"},
    ),
    "blank lines": ("\n \nid,title,hired\n\n007,Größe; klein,01/02/2026\n\n\n".encode(), {}),
    "rows of blank cells": ("id,title,hired\n007,Größe; klein,01/02/2026\n,,\n , ,\n".encode(), {}),
    "a column without a name": ("id,title,hired,\n007,Größe; klein,01/02/2026,\n".encode(), {}),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_file_is_understood(case: str, write: Callable[..., Path]) -> None:
    content, keys = GOOD[case]

    found = read(write(content), **keys)

    profile = {header: cell.strip() for header, cell in found.profiles["007"].items()}
    assert (profile, found.statuses) == (ANNA, {"007": "ACTIVE"})
    assert found.cost == Cost(pages=1, received=len(content))


CELLS = (
    *("Null", "NULL", "NA", "None", "nan", "", " ", "007", "1e3", "2026-02-01", "TRUE", "{}", "ﬁ"),
    *('5" pipe', 'Jane "JJ" Doe', "a\\", "#1", "'x"),
)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_cell_is_text_as_it_is_written(line_end: str, write: Callable[..., Path]) -> None:
    lines = ["id;x;y", *(f"{number};{cell};z" for number, cell in enumerate(CELLS))]

    profiles = read(write(line_end.join(lines))).profiles

    assert tuple(profiles[str(number)]["x"] for number in range(len(CELLS))) == CELLS


HEADERS = (
    "filename",
    "t",
    "rowid",
    "a/b~c",
    "a.b",
    'say "x"',
    "two\nlines",
    "two\r\nends",
    "Ä",
    "ä",
)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_header_may_be_anything(line_end: str, write: Callable[..., Path]) -> None:
    quoted = ['"' + header.replace('"', '""') + '"' for header in HEADERS]
    cells = [str(number) for number in range(len(HEADERS))]
    lines = [";".join([*quoted, "id"]), ";".join([*cells, "a"]), ";".join([*cells, "b"])]

    found = read(write(line_end.join(lines)))

    expected = dict(zip(HEADERS, cells, strict=True))
    assert found.profiles == {name: {**expected, "id": name} for name in ("a", "b")}


NO_TEXT = "\0" + "".join(map(chr, range(0x80, 0xA0)))  # refused, as another encoding


@settings(max_examples=25, deadline=None)
@given(
    table=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NO_TEXT))
            | st.text('",;\r\n \t\ufeffa'),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=8,
    ),
    delimiter=st.sampled_from(",;\t|"),
    style=st.sampled_from(
        [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]
    ),
    encoding=st.sampled_from([None, "utf-8-sig", "utf-16", "utf-32-le"]),
)
def test_what_a_writer_of_csv_wrote_comes_back(
    table: list[list[str]], delimiter: str, style: tuple[str, Any], encoding: str | None
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=style[0], quoting=style[1])
    writer.writerow(["id", "a", "b", "c", "d"])
    writer.writerows([str(number), *cells, "x"] for number, cells in enumerate(table))
    with TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        path.write_bytes(text.getvalue().encode(encoding or "utf-8"))

        profiles = read(path, encoding=encoding).profiles

    written = [[profiles[str(number)][name] for name in "abc"] for number in range(len(table))]
    assert written == table


ACTIVE = {
    "ACTIVE": ["true", "TRUE", "yes", "Y", "1", "t", "Active", "", " "],
    "INACTIVE": ["false", "No", "n", "0", "F", "inactive"],
}


def test_the_column_active_says_who_is(write: Callable[..., Path]) -> None:
    cells = {cell: status for status, cells in ACTIVE.items() for cell in cells}
    path = write("id,active,x\n" + "".join(f"{i},{cell},y\n" for i, cell in enumerate(cells)))

    assert list(read(path).statuses.values()) == list(cells.values())


def test_another_column_may_say_who_is_active(write: Callable[..., Path]) -> None:
    path = write("id,active,Current\n1,whatever,no\n2,whatever,yes\n")

    found = read(path, attributes={"active": "Current"})

    assert found.statuses == {"1": "INACTIVE", "2": "ACTIVE"}


def test_another_column_may_be_the_id(write: Callable[..., Path]) -> None:
    found = read(write("id,Nr.\n1,0042\n"), id="Nr.")

    assert found.profiles == {"0042": {"id": "1", "Nr.": "0042"}}


LATIN = "id,title\n1,x\n2,é\n".encode("latin-1")
BAD: dict[str, tuple[bytes | str, dict[str, Any], str]] = {
    "empty": ("", {}, "people.csv is empty."),
    "header only": ("id,title\n", {}, "people.csv has a header line, but no rows."),
    "blank rows only": ("id,title\n,\n", {}, "people.csv has a header line, but no rows."),
    "a byte order mark only": ("\ufeff", {}, "people.csv is empty."),
    "a byte order mark of UTF-16 only": ("".encode("utf-16"), {}, "people.csv is empty."),
    "blank lines only": ("\n \n\t\r\n", {}, "people.csv is empty."),
    "cut in a character": (b"id,a\n1,x\n2,Jos\xc3", {}, "line 3: the file ends in the middle of a character"),
    "cut in a character of UTF-16": (
        "id,a\n1,x\n2,y".encode("utf-16")[:-1],
        {},
        "line 3: the file ends in the middle of a character",
    ),
    "cut in the header": ("id,tit", {}, "people.csv has a header line, but no rows."),
    "last row cut": ("id,a,b\n1,x,y\n2,x", {}, "line 3: the last row has 2 of 3 columns"),
    "a footer": ("id,a,b\n1,x,y\nTotal: 1\n", {}, "line 3: the last row has 1 of 3 columns"),
    "cut in quotes": ('id,a\n1,x\n2,"x', {}, 'line 3: a cell begins with a quotation mark (")'),
    "open quote": ('id,a\n1,"x\n2,y\n3,z\n', {}, "line 2: a cell begins with a quotation mark"),
    "open quote in the header": ('id,"a\n1,x\n', {}, "line 1: a cell begins with a quotation mark"),
    "text after a quote": ('id,a\n1,"x"y\n2,z\n', {}, "line 2: a cell begins with a quotation mark"),
    "open quote, mixed line ends": ('id,a\r\n1,x\n2,"x\r\n', {}, "line 3: a cell begins with"),
    "row too short": ("id,a,b\n1,x\n2,x,y\n", {}, "line 2: the row has 2 columns where the header has 3"),
    "row too long": ("id,a\n1,x,y\n2,x\n", {}, "line 2: the row has 3 columns where the header has 2"),
    "too long, after a cell of lines": ('id,a\n1,"x\n\ny"\n2,x,y\n3,x\n', {}, "line 5: the row has 3"),
    "too long, CRLF": ("id,a\r\n1,x\r\n2,x,y\r\n3,x\r\n", {}, "line 3: the row has 3"),
    "too long, below a high header": ('\n"id",a,"x\ny"\n1,x,y,z\n2,x,y\n', {}, "line 4: the row has 4"),
    "no id": ("Idd,title\n1,x\n", {}, "no column `id` among the 2 of the header; the nearest is `Idd`"),
    "no mapped header": (
        "id,Job Titel\n1,x\n",
        {"attributes": {"title": "Job Title"}},
        "no column `Job Title` among the 2 of the header; the nearest is `Job Titel`",
    ),
    "header twice": ("id,title,title\n1,x,y\n", {}, "the columns 2 and 3 are both named `title`"),
    "header twice but for case": ("id,title,Title\n1,x,y\n", {}, "the columns 2 and 3 are both named"),
    "blank id": ("id,a\n1,x\n ,y\n,z\n", {}, "lines 3, 4: the column `id` is blank"),
    "many blank ids": ("id,a\n" + ",x\n" * 9, {}, "lines 2, 3, 4, 5, 6 and 4 more: the column `id`"),
    "doubled id": ("id,a\n1,x\n2,y\n 1,z\n", {}, "lines 2, 4: the column `id` has the same value"),
    "neither yes nor no": ("id,active\n1,yes\n2,perhaps\n", {}, "line 3: the column `active` says"),
    "bytes of another encoding": (LATIN, {}, "line 3: there are bytes that are not utf-8 text"),
    "UTF-16 unannounced": ("id,a\n1,x\n".encode("utf-16-le"), {}, "line 1: read as utf-8, it contains NUL"),
    "UTF-16 without its mark": (
        "id,a\n1,x\n".encode("utf-16-le"),
        {"encoding": "utf-16"},
        "line 1: there are bytes that are not utf-16 text",
    ),
    "a web page": ("\n<!DOCTYPE html><html>Sign in</html>", {}, "people.csv is a web page, not CSV"),
    "another delimiter": (
        "id;a\n1;x\n",
        {"delimiter": ","},
        'with the delimiter "," everything is in one column; it looks like the delimiter is ";"',
    ),
    "Excel": (b"PK\x03\x04\x14\x00", {}, "people.csv is an Excel file or a ZIP archive, not CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1", {}, "people.csv is an old Excel file, not CSV"),
    "gzip": (b"\x1f\x8b\x08\x00", {}, "people.csv is compressed (gzip), not CSV"),
    "row without end": ("id,a\n1," + "x" * 70_000_000, {}, "line 2: the row is longer than 64 million"),
}  # fmt: skip
HALF_THERE = {
    *("empty", "a byte order mark only", "blank lines only", "header only", "cut in the header"),
    *("last row cut", "a footer", "cut in quotes", "open quote in the header"),
    *("cut in a character", "cut in a character of UTF-16"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_is_refused(case: str, write: Callable[..., Path]) -> None:
    content, keys, words = BAD[case]
    path = write(content)

    error = failure(path, **keys)

    assert words in str(error)
    assert str(path) in str(error)
    assert "What to do: " in str(error)
    if case in HALF_THERE:
        assert error.transient


@pytest.mark.parametrize(
    "content",
    [
        "Doe;Jane;jane.doe@acme.com\nRoe;Rick;rick.roe@acme.com\n",
        "id;a\nJane.Doe;x\nJane.Doe;x\n",
        "id;a\n1;x\n2;Jane.Doe;Jane.Doe\n3;x\n",
        "id;active\n1;Jane.Doe\n",
        'id;a\n1;"Jane.Doe"Jane.Doe\n',
        'id;a\n1;Jane.Doe\r\n2;Jane.Doe\n3;"Jane.Doe\n',
    ],
)
def test_an_error_quotes_nobodys_data(content: str, write: Callable[..., Path]) -> None:
    assert "jane" not in str(failure(write(content))).lower()


def test_there_may_be_no_file_yet(tmp_path: Path) -> None:
    error = failure(tmp_path / "people.csv")

    assert isinstance(error, Unreachable)
    assert error.transient
    assert f"There is no file {tmp_path}/people.csv. " in str(error)
    assert f"No file matches {tmp_path}/*.csv. " in str(failure(tmp_path / "*.csv"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder, not a file." in str(failure(tmp_path))


def test_files_of_a_pattern_are_read_together(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("id,a\n1,x\n", "east.csv")
    write("id,a\r\n2,y\r\n", "west.csv")
    write("no such columns", "notes.txt")

    found = read(tmp_path / "*.csv")

    assert found.profiles == {"1": {"id": "1", "a": "x"}, "2": {"id": "2", "a": "y"}}
    assert (found.evidence["files"], found.cost.pages) == (2, 2)


@pytest.mark.parametrize(
    ("west", "words"),
    [
        (
            "id,a\n1,y\n",
            "east.csv, line 2; {}/west.csv, line 2: the column `id` has the same value",
        ),
        ("id,a\n2,x,y\n3,z\n", "west.csv, line 2: the row has 3 columns"),
        ("id,a\n,x\n", "west.csv, line 2: the column `id` is blank"),
        ("id,a\n", "west.csv has a header line, but no rows"),
        (
            "id,b\n2,y\n",
            "west.csv, line 1: column 2 is another one than in {}/east.csv, which has `a`",
        ),
        (
            "id,a,b\n2,y,z\n",
            "column 3 is another one than in {}/east.csv, which has no more columns",
        ),
        ("id;a\n2;y\n", "west.csv, line 1: column 1 is another one"),
    ],
)
def test_an_error_names_the_file_of_a_pattern(
    west: str, words: str, tmp_path: Path, write: Callable[..., Path]
) -> None:
    write("id,a\n1,x\n", "east.csv")
    write(west, "west.csv")

    assert words.format(tmp_path) in str(failure(tmp_path / "*.csv"))


def test_a_url_is_read_where_fsspec_can() -> None:
    fsspec.filesystem("memory").pipe("/hr/people.csv", b"id,a\n1,x\n")

    assert read("memory://hr/people.csv").profiles == {"1": {"id": "1", "a": "x"}}
    assert read("memory://hr/*.csv").profiles == {"1": {"id": "1", "a": "x"}}
    assert "There is no file memory://hr/staff.csv." in str(failure("memory://hr/staff.csv"))


def test_an_address_that_nothing_reads_is_an_error() -> None:
    error = failure("nosuch://user:hunter2@host/people.csv")

    assert "nosuch://host/people.csv cannot be read" in str(error)
    assert "hunter2" not in str(error)
    assert not error.transient


def test_a_file_that_changes_while_it_is_read_is_read_again_later(
    write: Callable[..., Path],
) -> None:
    path = write("id,a\n1,x\n")

    class Growing(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
        """A place where somebody writes on as soon as a file is opened."""

        protocol = "growing"

        def _open(self, *given: object, **keys: object) -> object:
            path.write_text("id,a\n1,x\n2,y\n")
            return super()._open(*given, **keys)

    fsspec.register_implementation("growing", Growing, clobber=True)

    error = failure(f"growing://{path}")

    assert isinstance(error, IncompleteListing)
    assert error.transient
    assert "changed while it was being read" in str(error)


def test_groups_and_memberships_have_files_of_their_own(write: Callable[..., Path]) -> None:
    found = read(
        write("id\n01\n02\n"),
        groups=str(write("id;name;description\ng1;Sales; far\ng2;;\n", "groups.csv")),
        memberships=str(write("user_id,group_id\n01,g1\n02, g1\n01,g1\n9,g3\n", "members.csv")),
    )

    assert found.groups == [("g1", "Sales", " far"), ("g2", "g2", None)]
    assert found.memberships == [("g1", "01"), ("g1", "02"), ("g3", "9")]
    assert found.member_reads == [("g1", "read"), ("g2", "read")]
    assert (found.evidence["members_unknown"], found.evidence["groups_unknown"]) == (1, 1)


def test_without_a_file_of_groups_memberships_name_them(write: Callable[..., Path]) -> None:
    members = write("group_id,user_id\nSales,1\nSales,2\nLegal,1\n", "members.csv")

    found = read(write("id\n1\n2\n"), memberships=str(members))

    assert found.groups == [("Legal", "Legal", None), ("Sales", "Sales", None)]
    assert found.evidence["groups_unknown"] == 0


GROUPS = "id,name\nstaff,Staff\nsales,Sales\n1,Desk 1\n"


@pytest.mark.parametrize(
    ("members", "groups", "direct", "nested"),
    [
        # The member of a membership is a user, or a group.
        ("staff,sales\nsales,2\n", GROUPS, [("sales", "2")], [("staff", "sales")]),
        # A row that comes twice counts once.
        ("staff,sales\nstaff,sales\nsales,2\n", GROUPS, [("sales", "2")], [("staff", "sales")]),
        # Groups may have each other, or themselves.
        ("staff,sales\nsales,staff\n", GROUPS, [], [("sales", "staff"), ("staff", "sales")]),
        # Without a file of groups, a group is what has members.
        ("staff,sales\nsales,2\n", None, [("sales", "2")], [("staff", "sales")]),
        ("staff,sales\nstaff,2\n", None, [("staff", "2"), ("staff", "sales")], []),
        # A user's id that is a group's, too, is no matter where no membership names it.
        ("staff,2\n", GROUPS, [("staff", "2")], []),
    ],
)
def test_a_membership_may_name_a_group_as_member(
    members: str,
    groups: str | None,
    direct: list[tuple[str, str]],
    nested: list[tuple[str, str]],
    write: Callable[..., Path],
) -> None:
    found = read(
        write("id\n1\n2\n"),
        memberships=str(write(f"group_id,user_id\n{members}", "members.csv")),
        groups=groups and str(write(groups, "groups.csv")),
    )

    assert (found.memberships, found.nested_groups) == (direct, nested)


def test_a_member_that_is_a_user_and_a_group_is_refused(write: Callable[..., Path]) -> None:
    memberships = str(write("group_id,user_id\nstaff,2\nstaff,1\n", "members.csv"))
    groups = str(write(GROUPS, "groups.csv"))
    users = write("id\n1\n2\n")

    error = failure(users, groups=groups, memberships=memberships)

    says = "members.csv, line 3: the id in the column `user_id` is a user's and a group's."
    assert says in str(error)
    assert "an id that no user has" in error.remedy
    assert "`nested: false`" in error.remedy

    found = read(users, groups=groups, memberships=memberships, nested=False)
    assert (found.memberships, found.nested_groups) == ([("staff", "1"), ("staff", "2")], [])


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("groups", "id\n1\n", "no column `name`"),
        ("groups", "id,name\n1,a\n1,b\n", "lines 2, 3: the column `id` has the same value"),
        ("groups", "", "other.csv is empty"),
        ("memberships", "group_id,user\n1,1\n", "no column `user_id`"),
        ("memberships", "group_id,user_id\n1,1\n1,\n", "line 3: the column `user_id` is blank"),
        ("memberships", "group_id,user_id\n1,1\n,1\n", "line 3: the column `group_id` is blank"),
        ("memberships", "group_id,user_id\n1,1\n1", "line 3: the last row has 1 of 2 columns"),
    ],
)
def test_a_wrong_file_of_groups_or_memberships_is_refused(
    key: str, content: str, words: str, write: Callable[..., Path]
) -> None:
    other = write(content, "other.csv")

    assert words in str(failure(write("id\n1\n"), **{key: str(other)}))


def test_the_evidence_tells_what_was_read(write: Callable[..., Path]) -> None:
    content = "id,email,user_name,active\n1,a@x.org,a,yes\n2,bad,,yes\n3,,,no\n"
    path = write(content)
    now = datetime.now(UTC)
    noon = now.replace(hour=12, minute=0) - timedelta(days=4)
    os.utime(path, (noon.timestamp(), noon.timestamp()))

    evidence = read(path).evidence

    assert evidence["users"] == evidence["rows_read"] == evidence["users_listed"] == 3
    assert evidence["users_inactive"] == 1
    assert (evidence["emails_malformed"], evidence["logins_missing"]) == (1, 1)
    assert (evidence["files"], evidence["bytes"]) == (1, len(content))
    assert evidence["files_unended"] == 0
    assert evidence["file_age_days"] == 4


def test_the_digest_in_the_evidence_tells_whether_the_files_are_the_same(
    write: Callable[..., Path],
) -> None:
    first, again = (read(write("id\n1\n")).evidence["files_digest"] for _ in range(2))
    other = read(write("id\n2\n")).evidence["files_digest"]

    assert first == again != other


def test_the_oldest_file_of_users_counts_for_the_age(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    for name in ("east.csv", "west.csv"):
        os.utime(write(f"id\n{name}\n", name), (0, 0))
    assert read(tmp_path / "*.csv").evidence["file_age_days"] > 20_000

    write("id\neast\n", "east.csv")
    assert read(tmp_path / "*.csv").evidence["file_age_days"] > 20_000

    write("id\nwest\n", "west.csv")
    assert read(tmp_path / "*.csv").evidence["file_age_days"] == 0


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_a_file_that_ends_without_a_line_break_is_counted(
    end: str, tmp_path: Path, write: Callable[..., Path]
) -> None:
    write(f"id,a{end or chr(10)}1,x{end or chr(10)}", "east.csv")
    write(f"id,a{end or chr(10)}2,y{end}", "west.csv")

    assert read(tmp_path / "*.csv").evidence["files_unended"] == (not end)


def test_a_column_that_is_not_there_says_nothing_of_anybody(write: Callable[..., Path]) -> None:
    evidence = read(write("id,title\n1,x\n")).evidence

    assert (evidence["emails_malformed"], evidence["logins_missing"]) == (0, 0)


def test_whoever_watches_is_told(write: Callable[..., Path]) -> None:
    told: list[Progress] = []

    read(write("id\n1\n2\n"), listener=told.append)

    assert Progress("users", 2) in told


def test_the_reach_is_where_the_files_lie_without_secrets() -> None:
    def source_scope(users: str | dict[str, str], **keys: str) -> dict[str, object]:
        return kind.source_scope(CsvDirectory(kind="csv", users=users, **keys))

    assert source_scope("sftp://me:one@host/a.csv") == source_scope("sftp://me:two@host/a.csv")
    assert source_scope("https://host/a.csv?sig=1") == source_scope("https://host/a.csv?sig=2")
    assert source_scope("/a.csv") != source_scope("/b.csv")
    assert source_scope({"env": "A"}) == source_scope({"env": "A"}) != source_scope({"env": "B"})
    assert source_scope("/a.csv") != source_scope("/a.csv", id="number")


def test_copies_are_private_and_of_this_try_alone(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    directory = CsvDirectory(kind="csv", users=str(write("id\n1\n")))
    folder = Path(mkdtemp(dir=tmp_path))
    old = folder / kind.COPIES / "users-9.csv"
    old.parent.mkdir()
    old.write_text("id\n9\n")

    with ReadCheckpoint(folder, kind.FILES) as spool, engine.start(folder) as connection:
        asyncio.run(kind.Reader(directory, spool, connection, None, True, no_progress).run())

    assert [path.name for path in old.parent.iterdir()] == ["users-1.csv"]
    assert old.parent.stat().st_mode & 0o077 == 0
