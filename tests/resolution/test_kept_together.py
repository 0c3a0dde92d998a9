"""What the identity ledger records, and properties of what it keeps together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.resolution.test_properties import a_lake, accounts_of
from tests.support import csv_snapshots
from tests.support.csv_snapshots import Tables, account, tables_of
from tests.support.random_organizations import Account, SmallOrganization, organizations
from tests.support.stored import DAY, Row, company, record_identities, rows_of

DAYS = tuple(DAY - timedelta(days=ago) for ago in (3, 2, 1, 0))
ORGANIZATION = company(
    {name: {"kind": "csv", "users": "x.csv"} for name in ("okta", "hr")},
    resolution={"match": ["employee_number", "email"]},
)

one = settings(max_examples=1, deadline=None, phases=[Phase.reuse, Phase.generate])


# The ledger.


def publish(lake: Lake, day: date, **directories: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """Publishes a day with these accounts and returns the rows that it adds to the ledger."""
    for name, accounts in directories.items():
        rows = [account(account_id, values) for account_id, values in accounts.items()]
        csv_snapshots.store(lake, name, day, rows)
    resolve(ORGANIZATION, day, lake)
    record_identities(lake, day)
    return rows_of(lake.ledger(day))


ADA = {"employee_number": "E1", "email": "ada@acme.test", "given_name": "Ada"}


def test_a_row_has_the_key_that_joined_the_account_and_the_accounts_name(lake: Lake) -> None:
    rows = publish(
        lake,
        DAYS[0],
        okta={"o1": ADA | {"family_name": "Byron"}, "o2": {"display_name": "Bob"}},
        hr={"h1": {"employee_number": "e1"}},
    )
    assert {row["id"]: (row["linked_by"], row["name"]) for row in rows} == {
        "o1": ("employee_number", "Ada Byron"),
        "o2": (None, "Bob"),
        "h1": ("employee_number", None),
    }


def test_an_account_has_a_new_row_when_its_link_or_its_name_changes(lake: Lake) -> None:
    publish(lake, DAYS[0], okta={"o1": ADA}, hr={"h1": ADA})
    assert publish(lake, DAYS[1], okta={"o1": ADA}, hr={"h1": ADA}) == []
    renamed = publish(lake, DAYS[2], okta={"o1": ADA | {"given_name": "Augusta"}}, hr={"h1": ADA})
    assert [(row["id"], row["name"]) for row in renamed] == [("o1", "Augusta")]
    by_email = {"email": "ada@acme.test", "given_name": "Ada"}
    relinked = publish(
        lake, DAYS[3], okta={"o1": ADA | {"given_name": "Augusta"}}, hr={"h1": by_email}
    )
    assert [(row["id"], row["linked_by"]) for row in relinked] == [("h1", "email"), ("o1", "email")]
    assert len({row["person_id"] for row in relinked}) == 1


def test_a_link_stays_recorded_while_the_other_account_is_away(lake: Lake) -> None:
    publish(lake, DAYS[0], okta={"o1": ADA}, hr={"h1": ADA})
    assert publish(lake, DAYS[1], okta={"o1": ADA}, hr={}) == []


# Properties.


@st.composite
def lives(draw: st.DrawFn) -> Sequence[SmallOrganization]:
    """One organization on three days: the same accounts, or some of them, with other keys and names."""
    days = [draw(organizations(3)) for _ in range(3)]
    names = st.sampled_from(["", "Ada", "Bob", "Ada Bob"])

    def named(account: Account) -> Account:
        return replace(account, values={**account.values, "given_name": draw(names)})

    return [
        replace(
            world,
            directories=days[0].directories,
            rules=days[0].rules,
            accounts=tuple(map(named, world.accounts)),
        )
        for world in days
    ]


def resolved(lake: Lake, world: SmallOrganization, day: date) -> Tables:
    resolve(world.organization, day, lake)
    return tables_of(lake, day)


@one
@given(lives())
def test_keeping_together_never_joins_two_accounts_of_one_directory(
    worlds: Sequence[SmallOrganization],
) -> None:
    with a_lake() as lake:
        for world, day in zip(worlds, DAYS, strict=False):
            world.store(lake, day)
            people = resolved(lake, world, day)["people"]
            record_identities(lake, day)
            for row in people:
                loose = [name for name in accounts_of(row) if name not in world.joined_by_hand]
                directories = [name.partition("/")[0] for name in loose]
                assert len(directories) == len(set(directories))
            held = sorted(name for row in people for name in accounts_of(row))
            assert held == sorted(account.name for account in world.accounts)
            ids = [row["person_id"] for row in people]
            assert len(ids) == len(set(ids))


@one
@given(lives(), st.booleans())
def test_days_that_are_not_published_change_nothing(
    worlds: Sequence[SmallOrganization], first_to_last: bool
) -> None:
    """Resolving them in any order, and twice, gives the same rows."""
    published, *others = worlds
    with a_lake() as lake:
        published.store(lake, DAYS[0])
        resolved(lake, published, DAYS[0])
        record_identities(lake, DAYS[0])
        days = list(zip(others, DAYS[1:3], strict=True))
        for world, day in days:
            world.store(lake, day)
        rows: dict[date, Tables] = {}
        in_order = days if first_to_last else days[::-1]
        for world, day in [*in_order, *in_order[::-1]]:
            made = resolved(lake, world, day)
            assert rows.setdefault(day, made) == made
