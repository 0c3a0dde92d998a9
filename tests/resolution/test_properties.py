"""Properties of resolution: they hold for every organization."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import Tables, tables_of
from tests.support.random_organizations import (
    FIELDS,
    Account,
    SmallOrganization,
    details_without_accounts,
    expected_people,
    orderly_organizations,
    organizations,
    resolve_in,
)
from tests.support.stored import DAY, Row, record_identities

FIRST, SECOND, THIRD = (DAY - timedelta(days=ago) for ago in (2, 1, 0))

# Resolving takes its time however small the day is, so the examples are few, and each is several
# organizations in one (`random_organizations.VILLAGES`). The smallest one would be looked for in minutes.
few = settings(max_examples=3, deadline=None, phases=[Phase.reuse, Phase.generate])
one = settings(few, max_examples=1)


@contextmanager
def a_lake() -> Iterator[Lake]:
    with TemporaryDirectory() as folder:
        yield Lake(Path(folder), "acme")


def accounts_of(person: Row) -> list[str]:
    names = person["accounts"]
    assert isinstance(names, list)
    return names


def without(row: Row, *columns: str) -> Row:
    return {name: value for name, value in row.items() if name not in columns}


@few
@given(organizations())
def test_people_follow_from_accounts_and_rules_and_have_values_of_their_accounts(
    world: SmallOrganization,
) -> None:
    with a_lake() as lake:
        made = resolve_in(lake, world)
    people_are_those_of_the_keys(world, made)
    every_account_is_one_persons(world, made)
    every_filled_value_is_one_that_an_account_of_the_person_has(world, made)


def people_are_those_of_the_keys(world: SmallOrganization, made: Tables) -> None:
    people, conflicts = expected_people(world)
    names = {row["person_id"]: accounts_of(row) for row in made["people"]}
    assert {frozenset(accounts) for accounts in names.values()} == people
    assert {
        (row["kind"], account)
        for row in made["conflicts"]
        if row["kind"] != "value"
        for account in names[row["person_id"]]
    } == conflicts


def every_account_is_one_persons(world: SmallOrganization, made: Tables) -> None:
    """Only accounts of `always_same` can be two accounts of one person in a directory; ids are unique."""
    held = [account for row in made["people"] for account in accounts_of(row)]
    assert sorted(held) == sorted(account.name for account in world.accounts)
    for row in made["people"]:
        loose = [account for account in accounts_of(row) if account not in world.joined_by_hand]
        directories = [account.partition("/")[0] for account in loose]
        assert len(directories) == len(set(directories))
    ids = [row["person_id"] for row in made["people"]]
    assert len(ids) == len(set(ids))


def every_filled_value_is_one_that_an_account_of_the_person_has(
    world: SmallOrganization, made: Tables
) -> None:
    """Each value has one row of provenance."""
    written = {account.name: account for account in world.accounts}
    people = {row["person_id"]: row for row in made["people"]}
    explained = []
    for row in made["provenance"]:
        person, attribute = people[row["person_id"]], str(row["attribute"])
        explained.append((str(row["person_id"]), attribute))
        name = f"{row['directory']}/{row['account_id']}"
        assert name in accounts_of(person)
        if attribute == "active":
            assert row["value"] == str(person["active"]).lower()
        else:
            value = written[name].values[attribute]
            if attribute == "email":  # published without the white space around it
                value = value.strip()
            assert row["value"] == person[attribute] == value
    assert sorted(explained) == sorted(
        (str(row["person_id"]), name)
        for row in made["people"]
        for name in (*FIELDS, "active")
        if row[name] is not None
    )


@one
@given(organizations(), st.data())
def test_the_order_of_rows_and_of_files_makes_no_difference(
    world: SmallOrganization, data: st.DataObject
) -> None:
    mixed = replace(world, accounts=tuple(data.draw(st.permutations(world.accounts))))
    with a_lake() as lake, a_lake() as other:
        assert resolve_in(lake, world) == resolve_in(other, mixed)


@one
@given(orderly_organizations(), st.data())
def test_a_directory_without_new_information_changes_nothing_but_provenance(
    world: SmallOrganization, data: st.DataObject
) -> None:
    copied = data.draw(
        st.lists(st.sampled_from(world.accounts), unique_by=lambda a: a.name, min_size=2)
    )
    with a_lake() as lake, a_lake() as other:
        alone = resolve_in(lake, world)
        people = [accounts_of(row) for row in alone["people"]]
        # One copy of each person: with a second one, the directory would have two people.
        copies = {
            next(i for i, accounts in enumerate(people) if account.name in accounts): Account(
                "copy", account.name, account.values, account.active
            )
            for account in copied
        }
        more = replace(
            world,
            directories=(*world.directories, "copy"),
            accounts=(*world.accounts, *copies.values()),
        )
        together = resolve_in(other, more)
    own = ("accounts", "directories")
    assert [without(row, *own) for row in together["people"]] == [
        without(row, *own) for row in alone["people"]
    ]
    assert [accounts_of(row) for row in together["people"]] == [
        [*accounts, *([f"copy/{copies[i].id}"] if i in copies else [])]
        for i, accounts in enumerate(people)
    ]
    assert details_without_accounts(together["conflicts"]) == details_without_accounts(
        alone["conflicts"]
    )
    for before, after in zip(alone["provenance"], together["provenance"], strict=True):
        assert without(after, "rule", "losing") == without(before, "rule", "losing")


@one
@given(
    st.tuples(organizations(2), organizations(2)),
    st.permutations([SECOND, THIRD]),
)
def test_the_rows_are_the_same_in_any_order_of_days(
    seen: tuple[SmallOrganization, SmallOrganization], order: list[date]
) -> None:
    """After a published day, so that there is a ledger, which knows some of the people."""
    before, after = seen
    organization = after.organization
    with a_lake() as lake:
        replace(before, directories=after.directories).store(lake, FIRST)
        resolve(organization, FIRST, lake)
        record_identities(lake, FIRST)
        after.store(lake, SECOND)
        before.store(lake, THIRD)
        made: dict[date, Tables] = {}
        for day in [*order, order[0]]:
            resolve(organization, day, lake)
            rows = tables_of(lake, day)
            assert made.setdefault(day, rows) == rows
            ids = [row["person_id"] for row in rows["people"]]
            assert len(ids) == len(set(ids))
