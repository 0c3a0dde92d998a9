"""One row of the export for each e-mail address: `publish.csv.rows: alias`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.publishing.approval import numbers
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.state import LeftOutAddresses
from opensense_okta.publishing.exports.warnings import last_warnings
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql
from tests.support.approved import publish_approved
from tests.support.exporting import Exports, Person, Read, ada, bob, rows
from tests.support.scratch import scratch
from tests.support.stored import DAY, OKTA, company, group, store, user

TOMORROW = DAY + timedelta(days=1)

Addresses = tuple[str | None, Sequence[str]]
"""A person's e-mail and aliases."""


class Case(NamedTuple):
    """The addresses of people, and the addresses of the rows that each of them has.

    Attributes:
        left_out: as in LeftOutAddresses: e-mails of others, aliases of several, people without address.
        inactive: people who are not active.
        unexported: active people who are not exported.
    """

    people: Mapping[str, Addresses]
    expected: Mapping[str, Sequence[str]]
    left_out: tuple[int, int, int] = (0, 0, 0)
    inactive: str = ""
    unexported: str = ""


CASES = {
    "the e-mail and each alias have a row": Case(
        {
            "ada": ("ada@acme.com", ["a.l@acme.com", "countess@acme.com"]),
            "bob": ("bob@acme.com", []),
        },
        {"ada": ["ada@acme.com", "a.l@acme.com", "countess@acme.com"], "bob": ["bob@acme.com"]},
    ),
    "an address that differs in case only is the same": Case(
        {"ada": ("Ada@acme.com", ["ada@ACME.com", "A.L@acme.com", "a.l@acme.com"])},
        {"ada": ["Ada@acme.com", "A.L@acme.com"]},
    ),
    "the e-mail of another person has that person's row only": Case(
        {"ada": ("ada@acme.com", ["BOB@acme.com"]), "bob": ("bob@acme.com", [])},
        {"ada": ["ada@acme.com"], "bob": ["bob@acme.com"]},
        (1, 0, 0),
    ),
    "an alias of two people has no row": Case(
        {"ada": ("ada@acme.com", ["team@acme.com"]), "bob": ("bob@acme.com", ["Team@acme.com"])},
        {"ada": ["ada@acme.com"], "bob": ["bob@acme.com"]},
        (0, 1, 0),
    ),
    "an alias of two people and e-mail of a third counts as an e-mail": Case(
        {
            "ada": ("ada@acme.com", ["cat@acme.com"]),
            "bob": ("bob@acme.com", ["cat@acme.com"]),
            "cat": ("cat@acme.com", []),
        },
        {"ada": ["ada@acme.com"], "bob": ["bob@acme.com"], "cat": ["cat@acme.com"]},
        (1, 0, 0),
    ),
    "the address of someone who has left passes to the successor": Case(
        {
            "ada": ("ada@acme.com", ["old@acme.com", "o@acme.com"]),
            "old": ("old@acme.com", ["o@acme.com"]),
        },
        {"ada": ["ada@acme.com", "old@acme.com", "o@acme.com"]},
        inactive="old",
    ),
    "the address of someone active who is not exported passes to nobody": Case(
        {
            "ada": ("ada@acme.com", ["bob@acme.com", "b@acme.com"]),
            "bob": ("bob@acme.com", ["b@acme.com"]),
        },
        {"ada": ["ada@acme.com"]},
        (1, 1, 0),
        unexported="bob",
    ),
    "one e-mail of two people has a row for each, as with rows: person": Case(
        {"ada": ("shop@acme.com", ["ada@acme.com"]), "bob": ("shop@acme.com", [])},
        {"ada": ["shop@acme.com", "ada@acme.com"], "bob": ["shop@acme.com"]},
    ),
    "a person without e-mail has rows for the aliases": Case(
        {"ada": (None, ["a@acme.com"])}, {"ada": ["a@acme.com"]}
    ),
    "a person without any address has no row and is counted": Case(
        {"ada": (None, []), "bob": (None, ["team@acme.com"]), "cat": (None, ["team@acme.com"])},
        {},
        (0, 1, 3),
    ),
    "an alias with the scheme of Graph's proxyAddresses is that address": Case(
        {"ada": ("ada@acme.com", ["SMTP:ada@acme.com", "smtp:a.l@acme.com"])},
        {"ada": ["ada@acme.com", "a.l@acme.com"]},
    ),
    "an alias that is no e-mail address has no row": Case(
        {
            "ada": (
                "ada@acme.com",
                ["x500:/o=acme/cn=ada", "sip:ada@acme.com", "ada", "a b@acme.com"],
            )
        },
        {"ada": ["ada@acme.com"]},
    ),
}


def found(connection: duckdb.DuckDBPyConnection, case: Case) -> LeftOutAddresses:
    """Makes the tables of a day, and `day_addresses`; returns what is left out."""
    connection.execute(
        "create table people (person_id varchar, active boolean, email varchar, aliases varchar[])"
    )
    for name, (email, aliases) in case.people.items():
        active = name not in case.inactive.split()
        connection.execute(
            "insert into people values (?, ?, ?, ?)", [name, active, email, [*aliases] or None]
        )
    connection.execute(
        "create table exported_people as from people where not list_contains(?, person_id)",
        [case.unexported.split()],
    )
    sql = Sql(connection, "opensense_okta.publishing.exports")
    sql.run("addresses.sql")
    connection.execute("create table day_addresses as from addresses('people')")
    return sql.row("left_out_addresses.sql", LeftOutAddresses)


def found_rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """The rows of exported people: person, address, key."""
    return connection.execute(
        "select person_id, email, _key from person_rows('day_addresses', true, true)"
        " semi join exported_people using (person_id) order by all"
    ).fetchall()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_which_addresses_have_a_row(case: Case) -> None:
    with scratch() as connection:
        left_out = found(connection, case)
        made = found_rows(connection)
    expected = [(name, email) for name, emails in case.expected.items() for email in emails]
    assert sorted(row[:2] for row in made) == sorted(expected)
    assert left_out == LeftOutAddresses(
        emails_of_others=case.left_out[0],
        aliases_of_several=case.left_out[1],
        people_without_address=case.left_out[2],
    )


EMAIL = st.sampled_from(["a@x.io", "A@x.io", "b@x.io", "c@x.io", "d@x.io", "e@x.io"])
ALIAS = EMAIL.map("smtp:{}".format) | EMAIL
PEOPLE = st.lists(st.tuples(st.none() | EMAIL, st.lists(ALIAS, max_size=3)), max_size=8)
SOME = st.sets(st.integers(0, 7), max_size=3)


@settings(max_examples=20, deadline=None)
@given(PEOPLE, SOME, SOME)
def test_every_row_is_explained_by_the_tables(
    people: list[Addresses], inactive: set[int], unexported: set[int]
) -> None:
    named = {f"p{number}": addresses for number, addresses in enumerate(people)}
    case = Case(
        named,
        {},
        inactive=" ".join(f"p{number}" for number in inactive),
        unexported=" ".join(f"p{number}" for number in unexported),
    )
    with scratch() as connection:
        found(connection, case)
        made = found_rows(connection)
    active = {name: addresses for name, addresses in named.items() if name not in case.inactive}
    going_out = {name for name in active if name not in case.unexported}
    assert len({key for _, _, key in made}) == len(made)
    for name, address, _ in made:
        assert name in going_out
        email, aliases = active[name]
        others = [addresses for other, addresses in active.items() if other != name]
        if address == email:
            continue
        assert address in [alias.removeprefix("smtp:") for alias in aliases]
        assert address.lower() not in [lower(other_email) for other_email, _ in others]
        assert address.lower() not in [lower(alias) for _, listed in others for alias in listed]
    with_email = {name for name in going_out if active[name][0]}
    assert with_email <= {name for name, address, _ in made if address == active[name][0]}


def lower(address: str | None) -> str:
    """An address as it is compared."""
    return (address or "").lower().removeprefix("smtp:")


def test_each_address_has_a_row_with_the_values_of_its_person(lake: Lake) -> None:
    okta = {**OKTA, "attributes": {"aliases": "aliases"}}
    csv = {
        "path": "out/people.csv",
        "columns": ["email", "given_name", "aliases"],
        "locked": ["given_name"],
        "groups": True,
        "rows": "alias",
    }
    acme = company(
        {"okta": okta},
        resolution={"attributes": {"aliases": {"merge": "union"}}},
        publish={"csv": csv},
    )
    a_and_b = "A@acme.test;bob@acme.test"
    profile = {"firstName": "Ada", "login": "ada", "email": "ada@acme.test", "aliases": a_and_b}
    store(
        lake,
        [
            user("ada", profile),
            user("bob", {"firstName": "Bob", "login": "bob", "email": "bob@acme.test"}),
        ],
        [group("g0", "Everyone")],
        [("g0", "ada"), ("g0", "bob")],
        evidence={"everyone": 2},
    )
    resolve(acme, DAY, lake)
    publish_approved(acme, lake, DAY)
    export_published(acme, lake, DAY)
    out = lake.scratch / "out"
    assert (out / "people.csv").read_bytes().decode() == (
        "email,given_name-locked,aliases\r\n"
        f"A@acme.test,Ada,{a_and_b}\r\n"
        f"ada@acme.test,Ada,{a_and_b}\r\n"
        "bob@acme.test,Bob,\r\n"
    )
    assert (out / "memberships.csv").read_bytes().decode() == (
        "email,user_name,group_id,group,direct\r\n"
        "A@acme.test,ada,okta/g0,Everyone,true\r\n"
        "ada@acme.test,ada,okta/g0,Everyone,true\r\n"
        "bob@acme.test,bob,okta/g0,Everyone,true\r\n"
    )
    # Two people, whatever the number of their addresses.
    assert (out / "groups.csv").read_text().splitlines()[1] == "okta/g0,Everyone,okta,2"
    parquet = duckdb.read_parquet(str(out / "people.parquet"))
    assert [row[0] for row in parquet.fetchall()] == [
        "A@acme.test",
        "ada@acme.test",
        "bob@acme.test",
    ]
    assert last_warnings(lake)["addresses_left_out"] == (
        "Aliases left out of the export: 1 because it is the e-mail of another active person. An address"
        " has one signature. If one of these people should have it, delete it from the"
        " others in their directory."
    )


def alias_rows(rows: str) -> str:
    return f"{{path: exports/people.csv, columns: [email, given_name], rows: {rows}}}"


ADA = ada(aliases=["A@acme.com", "bob@acme.com"])
CHANGES: Mapping[str, tuple[Sequence[Person], Sequence[Person], str, str, list[str]]] = {
    "an alias comes and another goes": (
        [ADA],
        [ada(aliases=["b@acme.com"])],
        "alias",
        "alias",
        ["removed A@acme.com", "added b@acme.com", "removed bob@acme.com"],
    ),
    "another spelling of an address is a change": (
        [ADA, bob()],
        [ada(email="ADA@acme.com", aliases=["A@acme.com"]), bob()],
        "alias",
        "alias",
        ["changed ADA@acme.com"],
    ),
    "an alias passes to another person": (
        [ADA, bob()],
        [ada(), bob(aliases=["a@acme.com"])],
        "alias",
        "alias",
        ["changed a@acme.com"],
    ),
    "an address becomes the e-mail of another person": (
        [ADA],
        [ADA, bob()],
        "alias",
        "alias",
        ["changed bob@acme.com"],
    ),
    "a person leaves with all addresses": (
        [ADA, bob()],
        [ada(active=False), bob()],
        "alias",
        "alias",
        ["removed A@acme.com", "removed ada@acme.com"],
    ),
    "rows of aliases are new where each person had one row": (
        [ADA, bob()],
        [ADA, bob()],
        "person",
        "alias",
        ["added A@acme.com"],
    ),
    "and are removed where each person has one row again": (
        [ADA, bob()],
        [ADA, bob()],
        "alias",
        "person",
        ["removed A@acme.com"],
    ),
}


@pytest.mark.parametrize(
    ("before", "people", "rows_before", "rows_now", "expected"), CHANGES.values(), ids=CHANGES
)
def test_the_changes_of_rows(
    exports: Exports,
    read: Read,
    before: Sequence[Person],
    people: Sequence[Person],
    rows_before: str,
    rows_now: str,
    expected: list[str],
) -> None:
    exports(people, before=before, csv=alias_rows(rows_now), csv_before=alias_rows(rows_before))
    assert [" ".join(row[:2]) for row in rows(read("people.changes.csv"))[1:]] == expected


def test_people_without_addresses_never_empty_the_file(exports: Exports, read: Read) -> None:
    exports([ADA], csv=alias_rows("alias"))
    delivered = read("people.csv")
    with pytest.raises(ExportFailed, match="No person to export has an e-mail address"):
        exports([ada(email=None)], before=[ADA], csv=alias_rows("alias"))
    assert read("people.csv") == delivered


def test_a_day_without_any_address_is_held_back_before_the_file_would_be_empty(lake: Lake) -> None:
    acme = company({"okta": OKTA}, publish={"csv": {"path": "people.csv", "rows": "alias"}})
    for day, email in ((DAY, "ada@acme.com"), (TOMORROW, None)):
        profile = {"firstName": "Ada", "employeeNumber": "1"} | ({"email": email} if email else {})
        store(lake, [user("a", profile)], [group("g", "Everyone")], [("g", "a")], day=day)
        resolve(acme, day, lake)
        if day == DAY:
            publish(acme, lake, day)
            assert export_published(acme, lake, day)
    with pytest.raises(Held) as held:
        publish(acme, lake, TOMORROW)
    (reason,) = (line for line in held.value.judgement.reasons if line.startswith("No person to"))
    assert "If the day is approved, it is published and its export fails" in reason
    assert numbers(held.value.judgement)["removed"] == 1
