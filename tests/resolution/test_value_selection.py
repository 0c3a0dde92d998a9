"""Values are selected per combination of accounts: the same values as in the plain form, person by person."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from opensense_okta import resolution
from opensense_okta.directories.values import text_functions
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import Tables
from tests.support.random_organizations import Account, SmallOrganization, resolve_in
from tests.support.scratch import scratch
from tests.support.stored import Row, fetched

SQL = files(resolution.__name__).joinpath("sql")
PLAIN_FORM = Path(__file__).with_name("plain_value_selection.sql").read_text(encoding="utf-8")

DIRECTORIES = ("okta", "entra", "hr")
SINGLE, MERGED = ("title", "department"), "aliases"
TEXTS = ("", " ", "Poet", "poet ", "Engineer")
LISTS = ("", "[]", " ; ", "a; b", '["b", "c", "b"]', "c")
EXAMPLE = "account_combinations.sql"

RULE = {
    "precedence": st.lists(st.sampled_from(DIRECTORIES), unique=True, max_size=3),
    "blank": st.sampled_from(["wins", "falls_through"]),
}
RULES = st.fixed_dictionaries(
    {
        "attributes": st.fixed_dictionaries(
            {MERGED: st.fixed_dictionaries({"merge": st.just("union")}, optional=RULE)},
            optional={name: st.fixed_dictionaries({}, optional=RULE) for name in SINGLE}
            | {"active": st.fixed_dictionaries({"precedence": RULE["precedence"]})},
        ),
        "inactive_accounts": st.sampled_from(["lowest", "ignore", "equal"]),
        "when_stale": st.sampled_from(["lowest", "use"]),
    }
)
ACCOUNTS = st.lists(
    st.tuples(
        st.sampled_from(DIRECTORIES),
        st.booleans(),
        st.fixed_dictionaries(
            {name: st.sampled_from(TEXTS) for name in SINGLE} | {MERGED: st.sampled_from(LISTS)}
        ),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def organizations(draw: st.DrawFn) -> SmallOrganization:
    """People with one to six accounts, also several in one directory, of which any may be inactive.

    `always_same` makes the accounts one person, so that the result does not depend on correlation.
    """
    people = draw(st.lists(ACCOUNTS, min_size=25, max_size=25))
    assume(len({len(accounts) for accounts in people}) > 1)  # the first example is the simplest one
    accounts = [
        [
            Account(d, f"{d[0]}{person}-{n}", values, active)
            for n, (d, active, values) in enumerate(rows)
        ]
        for person, rows in enumerate(people)
    ]
    return SmallOrganization(
        directories=tuple(draw(st.permutations(DIRECTORIES))),
        accounts=tuple(account for person in accounts for account in person),
        rules={
            **draw(RULES),
            "always_same": [
                [account.name for account in person] for person in accounts if len(person) > 1
            ],
        },
        stale=draw(st.frozensets(st.sampled_from(DIRECTORIES), max_size=2)),
    )


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
@given(organizations())
def test_the_values_are_those_of_the_plain_form(world: SmallOrganization) -> None:
    with TemporaryDirectory() as folder:
        stored = resolve_in(Lake(Path(folder), "acme"), world)
    expected = plain_provenance(world, stored)
    assert by_value(stored["provenance"]) == by_value(expected)
    values = {(row["person_id"], row["attribute"]): row["value"] for row in expected}
    for person in stored["people"]:
        for name in (*SINGLE, MERGED, "active"):
            value = values.get((person["person_id"], name))
            shown = person[name]
            assert shown == (value if name in SINGLE or value is None else json.loads(str(value)))


def plain_provenance(world: SmallOrganization, stored: Tables) -> list[Row]:
    """What table `provenance` has to hold, computed by `plain_value_selection.sql`."""
    person_ids = {f"{row['directory']}/{row['id']}": row["person_id"] for row in stored["accounts"]}
    with scratch() as connection:
        connection.execute(
            "create table account_texts (person_id varchar, account integer, directory varchar,"
            " id varchar, active boolean, attribute varchar, text varchar, items varchar[])"
        )
        connection.executemany(
            "insert into account_texts values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    person_ids[account.name],
                    number,
                    account.directory,
                    account.id,
                    account.active,
                    *text,
                )
                for number, account in enumerate(in_order(world), start=1)
                for text in texts_of(account)
            ],
        )
        connection.execute(
            "create table directory_rules (attribute varchar, directory varchar, precedence integer,"
            " is_listed boolean, blank_wins boolean, merges boolean, stale_last boolean, as_of date)"
        )
        connection.executemany(
            "insert into directory_rules values (?, ?, ?, ?, ?, ?, ?, ?)",
            list(directory_rules(world)),
        )
        connection.execute(
            "set variable inactive_accounts = $value", {"value": world.rules["inactive_accounts"]}
        )
        return fetched(connection.sql(PLAIN_FORM))


def in_order(world: SmallOrganization) -> Sequence[Account]:
    """The accounts as resolution numbers them: by directory, highest precedence first, then by id."""
    return sorted(world.accounts, key=lambda a: (world.directories.index(a.directory), a.id))


def texts_of(account: Account) -> Iterator[tuple[str, str | None, list[str]]]:
    """Each attribute of an account: its text, None if it is blank, and the values of a list."""
    yield "active", str(account.active).lower(), []
    for name in SINGLE:
        text = account.values[name]
        yield name, text if text.strip() else None, []
    text = account.values[MERGED]
    values = json.loads(text) if text.startswith("[") else text.split(";")
    items = [value.strip() for value in values if value.strip()]
    yield MERGED, text if items else None, items


def directory_rules(world: SmallOrganization) -> Iterator[tuple[object, ...]]:
    """The precedence and the rule of each directory for each attribute."""
    resolution = world.organization.resolution
    for name in ("active", *SINGLE, MERGED):
        rule = resolution.attributes.get(name)
        listed = list(rule.precedence) if rule else []
        order = [*listed, *(d for d in world.directories if d not in listed)]
        for precedence, directory in enumerate(order, start=1):
            is_stale = directory in world.stale
            yield (
                name,
                directory,
                precedence,
                directory in listed,
                bool(rule and rule.blank == "wins"),
                bool(rule and rule.merge),
                is_stale and world.rules["when_stale"] == "lowest",
                world.read_on(directory),
            )


def by_value(provenance: Sequence[Row]) -> Mapping[tuple[object, object], Row]:
    """The rows of `provenance` by person and attribute, of which there is one each."""
    rows = {(row["person_id"], row["attribute"]): row for row in provenance}
    assert len(rows) == len(provenance)
    return rows


def test_the_worked_example_of_the_file_is_what_the_file_does() -> None:
    tables = dict(example_tables(SQL.joinpath(EXAMPLE).read_text(encoding="utf-8")))
    with scratch() as connection, text_functions.functions(connection):
        text_functions.define_macros(connection)
        run(connection, "schema.sql")
        connection.execute(
            "insert into directories values ('okta', 1, '2026-11-23', false), ('hr', 2, '2026-11-23', false);"
            "insert into attributes values ('active', 0, [], false, false, false, false),"
            " ('title', 1, [], false, false, false, false);"
            "insert into attribute_precedence"
            " select position, directory, rank from attributes cross join directories;"
            "create table account_person (account integer, person integer, rank integer);"
            "create table person_ids as select unnest([1, 2]) as person, unnest(['Ada', 'Bob']) as person_id"
        )
        for given in ("accounts_read", "account_person"):
            for row in tables.pop(given):
                columns, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(
                    f"insert into {given} ({columns}) values ({marks})",  # noqa: S608 - the example's names
                    list(row.values()),
                )
        connection.execute("set variable inactive_accounts = 'lowest'")
        run(connection, EXAMPLE)
        shown(
            connection,
            tables,
            "combinations",
            "people_pending",
            "people_of_one_account",
            "value_order",
            "account_combinations",
        )
        connection.execute("set variable first_member = 1; set variable batch_size = 3")
        run(connection, "people_values.sql")
        shown(connection, tables, "people_values")
        connection.execute("set variable merge_groups = false")
        run(connection, "people.sql")
        shown(connection, tables, "selected_values")
    assert not tables


def run(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Runs a file as it is pasted into a DuckDB shell."""
    connection.execute(SQL.joinpath(name).read_text(encoding="utf-8")).fetchall()


def shown(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, list[Mapping[str, str]]], *names: str
) -> None:
    """Compares tables of the database with those of the example, which are taken away."""
    for name in names:
        rows = tables.pop(name)
        columns = ", ".join(f"{column}::varchar as {column}" for column in rows[0])
        stored = connection.sql(f"select {columns} from {name} order by all")  # noqa: S608 - the example's names
        assert fetched(stored) == rows, name


def example_tables(sql: str) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """The tables in the comments of a file: their name, a line of columns, and the lines of the rows."""
    for table in re.finditer(r"^--     (\w+)\n((?:--     \|.*\n)+)", sql, re.MULTILINE):
        columns, *rows = (
            [cell.strip() for cell in line.split("|")[1:-1]] for line in table[2].splitlines()
        )
        yield table[1], [dict(zip(columns, row, strict=True)) for row in rows]
