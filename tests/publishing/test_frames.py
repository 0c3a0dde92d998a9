"""The published directory as pandas DataFrames."""

import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

import opensense_okta
from opensense_okta.config.errors import UserError
from opensense_okta.publishing.frames import PublishedDirectory
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.lakes import once
from tests.support.stored import DAY, company, group, organization, store, user

FIRST = DAY - timedelta(days=1)
REPOSITORY = Path(__file__).parents[2]
ACME = company(
    {
        "okta": {
            "kind": "okta",
            "endpoint": "https://acme.okta.com",
            "api_token": {"env": "TOKEN"},
        }
    },
    resolution={"match": ["email"]},
)


def publish_day(lake: Lake, day: date, title: str) -> None:
    """Publishes a day on which Ada has this title, Bob has none, and Cy is inactive."""
    users = [
        user("ada", {"email": "ada@acme.com", "title": title}),
        user("bob", {"email": "bob@acme.com"}),
        user("cy", {"email": "cy@acme.com", "title": "Clerk"}, status="DEPROVISIONED"),
    ]
    everyone = group("g1", "Everyone")

    def done() -> None:
        store(lake, users, [everyone], [("g1", "ada"), ("g1", "bob")], day=day)
        resolve(ACME, day, lake)
        publish_approved(ACME, lake, day)

    once(lake, ("publish", day, title), done)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two published days."""
    root = tmp_path_factory.mktemp("data")
    lake = Lake(root, "acme")
    publish_day(lake, FIRST, "Clerk")
    publish_day(lake, DAY, "Director")
    return root


@pytest.fixture
def acme(data: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedDirectory:
    """The published directory, as a notebook reads it."""
    monkeypatch.setenv("OPENSENSE_DATA", str(data))
    return opensense_okta.read("acme")


def titles(directory: PublishedDirectory) -> dict[str, object]:
    """The title of each person by e-mail address."""
    people = directory.people
    return dict(zip(people["email"], people["title"].astype(object), strict=True))


def test_the_published_day_is_read_as_frames(acme: PublishedDirectory) -> None:
    assert acme.day == DAY
    assert titles(acme) == {
        "ada@acme.com": "Director",
        "bob@acme.com": pd.NA,
        "cy@acme.com": "Clerk",
    }
    assert list(acme.groups["name"]) == ["Everyone"]
    assert len(acme.memberships) == 2
    assert acme.conflicts.empty
    changed = acme.changes.set_index("attribute")
    assert list(changed.loc["title", ["before", "after"]]) == ["Clerk", "Director"]
    assert set(acme.provenance["directory"]) == {"okta"}


def test_an_earlier_published_day_is_read_with_as_of(acme: PublishedDirectory) -> None:
    earlier = acme.as_of(FIRST)
    assert earlier.day == FIRST
    assert titles(earlier)["ada@acme.com"] == "Clerk"
    assert titles(acme.as_of(str(FIRST))) == titles(earlier)
    assert titles(acme)["ada@acme.com"] == "Director"


def test_columns_have_the_same_types_whatever_is_missing(acme: PublishedDirectory) -> None:
    people = acme.people
    assert people["title"].dtype == pd.StringDtype()
    assert people["division"].dtype == pd.StringDtype(), "nobody has one"
    assert people["active"].dtype == pd.BooleanDtype()
    assert list(people.set_index("email")["active"][["ada@acme.com", "cy@acme.com"]]) == [
        True,
        False,
    ]
    assert all(type(directories) is list for directories in people["directories"])
    assert people["directories"].iloc[0] == ["okta"]
    assert acme.memberships["person_id"].dtype == pd.StringDtype()
    provenance = acme.provenance
    assert isinstance(provenance["losing"].iloc[0], list)
    assert pd.api.types.is_datetime64_dtype(provenance["as_of"])


def test_a_query_sees_the_tables_of_the_database(acme: PublishedDirectory) -> None:
    joined = acme.sql(
        """
        select people.email, raw_users.status, raw_users.created, count(*) as members
        from people
        join accounts using (person_id)
        join okta.raw_users on raw_users.id = accounts.id
        left join memberships using (person_id)
        group by all order by email
        """
    )
    assert list(joined["email"]) == ["ada@acme.com", "bob@acme.com", "cy@acme.com"]
    assert list(joined["status"]) == ["ACTIVE", "ACTIVE", "DEPROVISIONED"]
    assert str(joined["created"].dtype).endswith("UTC]")
    assert joined["members"].dtype == pd.Int64Dtype()
    history = acme.sql(
        "select title from people_history where email like 'ada%' order by valid_from"
    )
    assert list(history["title"]) == ["Clerk", "Director"]
    assert list(acme.sql("select day from syncs order by day")["day"]) == [
        pd.Timestamp(FIRST),
        pd.Timestamp(DAY),
    ]


@pytest.mark.parametrize("directory", ["memory", "working"])
def test_a_query_runs_where_a_directory_has_the_name_of_a_database(
    tmp_path: Path, directory: str
) -> None:
    lake, settings = Lake(tmp_path / "data", "acme"), organization(directory)
    store(lake, [user("a")], [group("g1", "Everyone")], [("g1", "a")], directory=directory)
    resolve(settings, DAY, lake)
    publish_approved(settings, lake, DAY)
    rows = opensense_okta.read("acme", data=lake.root).sql(f"from working.{directory}.raw_users")
    assert list(rows["id"]) == ["a"]


def test_a_query_of_an_earlier_day_sees_that_day_alone(acme: PublishedDirectory) -> None:
    earlier = acme.as_of(FIRST)
    assert list(earlier.sql("select title from people where email like 'ada%'")["title"]) == [
        "Clerk"
    ]
    assert len(earlier.sql("from people_history where email like 'ada%'")) == 1
    assert len(earlier.sql("from main.syncs")) == 1


def test_a_query_changes_nothing(acme: PublishedDirectory, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    with pytest.raises(UserError, match="cannot run this query"):
        acme.sql("delete from people")
    assert len(acme.people) == 3
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


@pytest.mark.parametrize("query", ["select", "select nobody from people", "from nowhere"])
def test_a_wrong_query_is_an_error_with_a_remedy(acme: PublishedDirectory, query: str) -> None:
    with pytest.raises(
        UserError, match=r"acme: DuckDB cannot run this query: .*docs/tables\.md"
    ) as error:
        acme.sql(query)
    assert "Traceback" not in str(error.value)


def test_an_unknown_organization_is_an_error_that_names_the_nearest(data: Path) -> None:
    with pytest.raises(UserError, match=r"organization acmee in .*did you mean acme\?"):
        opensense_okta.read("acmee", data=data)
    assert not (data / "acmee").exists()
    with pytest.raises(UserError, match="no data of an organization acme in"):
        opensense_okta.read("acme", data=data / "elsewhere")


def test_an_organization_without_a_published_day_is_an_error(tmp_path: Path) -> None:
    Lake(tmp_path, "acme").create()
    with pytest.raises(UserError, match=r"nothing is published yet.*opensense-okta sync acme"):
        opensense_okta.read("acme", data=tmp_path)


def test_a_day_that_is_not_stored_is_an_error_that_names_the_last_one(
    acme: PublishedDirectory,
) -> None:
    with pytest.raises(UserError, match=rf"last published day before it is {DAY}"):
        acme.as_of(DAY + timedelta(days=1))
    with pytest.raises(UserError, match="No earlier published day is stored"):
        acme.as_of(FIRST - timedelta(days=1))
    with pytest.raises(UserError, match="yesterday is not a day"):
        acme.as_of("yesterday")


def test_tables_that_were_removed_meanwhile_are_an_error(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    acme = opensense_okta.read("acme", data=tmp_path / "data")
    earlier = acme.as_of(FIRST)
    shutil.rmtree(tmp_path / "data" / "acme" / "resolved" / f"date={FIRST}")
    with pytest.raises(UserError, match=rf"published for {FIRST} are no longer stored"):
        _ = earlier.people
    assert len(acme.people) == 3


def test_the_examples_of_the_documentation_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSENSE_DATA", str(data))
    blocks = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs/pandas.md").read_text(), re.DOTALL
    )
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102  # the documentation's own code
    both = names["both"]
    assert isinstance(both, pd.DataFrame)
    assert len(both) == 3


def modules_after(code: str) -> set[str]:
    """The modules that are loaded once this code has run in a process of its own."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(shown.stdout.split())


def test_reading_frames_imports_no_dagster() -> None:
    modules = modules_after("from opensense_okta import read; read")
    assert "pandas" in modules
    assert "dagster" not in modules


def test_a_sync_imports_no_pandas() -> None:
    modules = modules_after(
        "import opensense_okta.definitions, opensense_okta.cli.main, opensense_okta.cli.sync"
    )
    assert "opensense_okta.publishing.publish" in modules
    assert "pandas" not in modules


def test_nothing_in_the_package_imports_its_root() -> None:
    of_root = re.compile(
        r"^\s*(from opensense_okta import|import opensense_okta\s*$)", re.MULTILINE
    )
    package = REPOSITORY / "opensense_okta"
    assert [path for path in package.rglob("*.py") if of_root.search(path.read_text())] == []


def test_the_root_exports_read_alone() -> None:
    assert opensense_okta.__all__ == ["read"]
    with pytest.raises(AttributeError, match="no attribute 'write'"):
        _ = opensense_okta.write
