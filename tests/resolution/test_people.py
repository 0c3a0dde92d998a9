"""People, their managers and groups, and the provenance of their values."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from opensense_okta.resolution import rules
from opensense_okta.resolution.resolve import TABLES, ResolvedManifest, resolve
from opensense_okta.resolution.snapshots import NothingToResolve
from opensense_okta.storage.lake import Lake
from tests.support.resolved_columns import COLUMNS
from tests.support.stored import (
    DAY,
    OKTA,
    Profile,
    Row,
    columns_of,
    company,
    group,
    only,
    organization,
    resolved,
    resolved_file,
    store,
    user,
)

YESTERDAY = DAY - timedelta(days=1)
NOT_VALUES = ("person_id", "manager_id", "directories", "accounts")


def people(lake: Lake, *, day: date = DAY) -> dict[object, Row]:
    """The people of a day by the id of their account."""
    rows = resolved(lake, "people", day=day)
    return {str(account_of(row)).partition("/")[2]: row for row in rows}


def account_of(person: Row) -> object:
    accounts = person["accounts"]
    assert isinstance(accounts, list)
    (account,) = accounts
    return account


# Who a manager is, as directories write it.


class Case(NamedTuple):
    says: str
    written: Profile
    manager: str | None


GRACE: Profile = {
    "login": "grace@acme.test",
    "email": "Grace.Hopper@acme.test",
    "employeeNumber": "E7",
    "firstName": "Grace",
    "lastName": "Hopper",
}
OTHERS: Mapping[str, Profile] = {
    "00uGRACE": GRACE,
    # Two people share an address, and the number of one is the login of the other.
    "00uANNE": {"login": "anne", "email": "reception@acme.test", "employeeNumber": "E8"},
    "00uBERT": {"login": "e8", "email": "reception@acme.test", "firstName": "Bert"},
    # A person whose login and address are equal is one match.
    "00uCARL": {"login": "carl@acme.test", "email": "CARL@acme.test"},
    "00uDORA": {"login": " dora\u00a0"},
    # An alias, and one that is the address of somebody else.
    "00uEMMA": {"aliases": ["Admiral@acme.test", "carl@acme.test"]},
}

MANAGERS = [
    Case("by id", {"managerId": "00uGRACE"}, "00uGRACE"),
    Case("by an id in another case, which is another id", {"managerId": "00ugrace"}, None),
    Case("by login", {"managerId": "grace@acme.test"}, "00uGRACE"),
    Case("by login in any case", {"managerId": "GRACE@ACME.TEST"}, "00uGRACE"),
    Case("by e-mail address", {"manager": "grace.hopper@acme.test"}, "00uGRACE"),
    Case("by employee number", {"managerId": "E7"}, "00uGRACE"),
    Case("with white space around it", {"managerId": "\u2003E7\n"}, "00uGRACE"),
    Case("with white space around the login", {"managerId": "dora"}, "00uDORA"),
    Case("a person whose login and e-mail are equal", {"managerId": "carl@acme.test"}, "00uCARL"),
    Case("by an alias", {"manager": "admiral@acme.test"}, "00uEMMA"),
    Case("by the login, if it is also an alias of another", {"manager": "CARL@acme.test"}, "00uCARL"),
    Case("never by name", {"manager": "Grace Hopper"}, None),
    Case("never by first name", {"manager": "Bert"}, None),
    Case("nobody, when two share the address", {"manager": "reception@acme.test"}, None),
    Case("nobody, if it is the number of one person and the login of another", {"managerId": "E8"}, None),
    Case("nobody who is not there", {"managerId": "E99"}, None),
    Case("the first filled field's alone", {"managerId": "E99", "manager": "E7"}, None),
    Case("the second field's, when the first is blank", {"managerId": " ", "manager": "E7"}, "00uGRACE"),
    Case("oneself, if it says so", {"managerId": "oneself", "login": "oneself"}, "oneself"),
    Case("nobody, when nothing is written", {}, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Row]:
    """The people of all cases above."""
    lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
    users = [user(name, profile) for name, profile in OTHERS.items()]
    users += [
        user("oneself" if case.manager == "oneself" else case.says, case.written)
        for case in MANAGERS
    ]
    store(lake, users)
    resolve(organization(attributes={"aliases": "aliases"}), DAY, lake)
    return people(lake)


@pytest.mark.parametrize("case", MANAGERS, ids=lambda case: case.says)
def test_a_manager_is_found(managed: dict[object, Row], case: Case) -> None:
    manager_id = managed["oneself" if case.manager == "oneself" else case.says]["manager_id"]
    assert manager_id == (managed[case.manager]["person_id"] if case.manager else None)


def test_manager_id_is_the_person_and_manager_stays_as_written(
    managed: dict[object, Row],
) -> None:
    report = managed["by employee number"]
    assert report["manager"] == "E7"
    assert report["manager_id"] == managed["00uGRACE"]["person_id"]


def test_a_manager_who_has_left_is_still_the_manager(staff: Lake) -> None:
    rows = people(staff)
    assert rows["report"]["manager_id"] == rows["manager"]["person_id"]


# People.


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A day that several tests look at: to resolve takes the same time for one of them and for all."""
    lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
    store(
        lake,
        [
            user("manager", status="DEPROVISIONED"),
            user("report", {"managerId": "manager"}),
            user("staged", status="STAGED"),
            user("00u1", {"login": "ada"}),
            user("00u2", {"title": "Engineer", "division": " "}),
        ],
        [
            group("g1", "Staff", "Who works here"),
            group("g2", "\u3000", ""),
            group("g3", None),
            group("g4", " Board ", " all "),
        ],
        [
            ("g1", "report"),
            ("g1", "manager"),
            ("g4", "report"),
            ("g1", "gone"),
            ("gone", "report"),
        ],
    )
    resolve(organization(), DAY, lake)
    return lake


def test_everyone_with_an_account_is_a_person_active_or_not(staff: Lake) -> None:
    assert {name: row["active"] for name, row in people(staff).items()} == {
        "manager": False,
        "report": True,
        "staged": False,
        "00u1": True,
        "00u2": True,
    }


def test_a_person_lists_its_directories_and_accounts(staff: Lake) -> None:
    person = people(staff)["00u1"]
    assert person["directories"] == ["okta"]
    assert person["accounts"] == ["okta/00u1"]
    assert person["user_name"] == "ada"
    (account,) = (row for row in resolved(staff, "accounts") if row["id"] == "00u1")
    assert person["person_id"] == account["person_id"]


def test_a_person_keeps_the_id_while_the_account_exists(lake: Lake) -> None:
    before: Profile = {"login": "ada@acme.test", "email": "ada@acme.test", "lastName": "Byron"}
    after: Profile = {"login": "king@acme.test", "email": "k@acme.test", "lastName": "King"}
    store(lake, [user("00u1", before), user("00u2", after)], day=YESTERDAY)
    store(lake, [user("00u1", after, "SUSPENDED"), user("00u3", before)], day=DAY)
    for day in (YESTERDAY, DAY):
        resolve(organization(), day, lake)
    old, new = people(lake, day=YESTERDAY), people(lake)
    assert old["00u1"]["person_id"] == new["00u1"]["person_id"]
    # Whoever takes over a login and an address is somebody else.
    assert len({row["person_id"] for row in (*old.values(), *new.values())}) == 3


# Groups and who is in them.


def test_groups_are_named_after_their_directory_and_count_people(staff: Lake) -> None:
    own = {"directory": "okta", "type": "OKTA_GROUP"}
    nameless = own | {"name": None, "description": None, "members_count": 0}
    assert resolved(staff, "groups")[:3] == [
        own
        | {
            "group_id": "okta/g1",
            "id": "g1",
            "name": "Staff",
            "description": "Who works here",
            "sources": ["okta/g1"],
            "members_count": 2,
        },
        nameless | {"group_id": "okta/g2", "id": "g2", "sources": ["okta/g2"]},
        nameless | {"group_id": "okta/g3", "id": "g3", "sources": ["okta/g3"]},
    ]


def test_a_groups_name_stays_as_it_was_written(staff: Lake) -> None:
    row = only(resolved(staff, "groups")[3:])
    assert (row["name"], row["description"]) == (" Board ", " all ")


def test_memberships_of_unknown_people_and_groups_are_left_out(staff: Lake) -> None:
    rows = people(staff)
    named = {str(row["person_id"]): name for name, row in rows.items()}
    assert {
        (row["group_id"], named[str(row["person_id"])]) for row in resolved(staff, "memberships")
    } == {("okta/g1", "report"), ("okta/g1", "manager"), ("okta/g4", "report")}


# Provenance.


def test_a_value_is_explained_by_its_directory_its_account_and_its_rule(staff: Lake) -> None:
    given_by = {
        "person_id": people(staff)["00u2"]["person_id"],
        "directory": "okta",
        "account_id": "00u2",
        "rule": "only_value",
        "losing": [],
        "as_of": DAY,
    }
    explained = [row for row in resolved(staff, "provenance") if row["account_id"] == "00u2"]
    assert explained == [
        given_by | {"attribute": "active", "value": "true"},
        given_by | {"attribute": "title", "value": "Engineer"},
    ]


@pytest.mark.parametrize("roomy", [1, 0], ids=["where memory is ample", "where it is short"])
def test_values_come_from_all_of_a_persons_many_accounts(
    lake: Lake, roomy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opensense_okta.resolution.resolve.EXTRA_MEMORY", roomy)
    names = [f"d{number}" for number in range(1, 8)]
    for number, name in enumerate(names, start=1):
        # E1 is in the first directory, E2 in the first two, and so on. The last one has the division.
        accounts = {f"E{key}": name if key == number else " " for key in range(number, 8)}
        rows = [
            user(f"{key}@{name}", {"employeeNumber": key, "division": division})
            for key, division in accounts.items()
        ]
        store(lake, rows, directory=name)
    acme = company(dict.fromkeys(names, OKTA), resolution={"match": ["employee_number"]})
    resolve(acme, DAY, lake)
    assert {row["employee_number"]: row["division"] for row in resolved(lake, "people")} == {
        f"E{number}": name for number, name in enumerate(names, start=1)
    }
    assert {
        (row["value"], row["account_id"])
        for row in resolved(lake, "provenance")
        if row["attribute"] == "division"
    } == {(name, f"E{number}@{name}") for number, name in enumerate(names, start=1)}


def test_an_account_without_a_profile_keeps_the_values_of_the_persons_other_accounts(
    lake: Lake,
) -> None:
    store(lake, [{"id": "00u1", "status": "ACTIVE"}])
    store(lake, [user("e1", {"title": "Engineer"})], directory="entra")
    always_same = [["okta/00u1", "entra/e1"]]
    acme = company({"okta": OKTA, "entra": OKTA}, resolution={"always_same": always_same})
    resolve(acme, DAY, lake)
    assert only(resolved(lake, "people"))["title"] == "Engineer"
    (explained,) = (row for row in resolved(lake, "provenance") if row["attribute"] == "title")
    assert explained["account_id"] == "e1"


def test_the_rule_names_why_a_value_of_higher_precedence_lost(lake: Lake) -> None:
    acme = company(
        dict.fromkeys(("hr", "okta", "entra"), OKTA),
        resolution={"when_stale": "lowest", "stale_after_days": 3},
    )
    ada = {"email": "ada@acme.test"}
    store(lake, [user("h1", ada | {"title": "H"})], directory="hr", day=DAY - timedelta(days=9))
    store(lake, [user("o1", ada | {"title": "O", "department": "O"})])
    store(
        lake,
        [user("e1", ada | {"department": "E"}, status="SUSPENDED"), user("e2", {"title": "E"})],
        directory="entra",
    )
    resolve(acme, DAY, lake)
    rules = {(row["value"], row["attribute"]): row["rule"] for row in resolved(lake, "provenance")}
    assert rules["O", "title"] == "stale_last"  # nobody inactive says a title
    assert rules["O", "department"] == "default_precedence"
    assert rules["E", "title"] == "only_value"


def test_an_inactive_accounts_value_counts_after_an_active_ones(lake: Lake) -> None:
    acme = company({"hr": OKTA, "okta": OKTA})
    ada = {"email": "ada@acme.test"}
    store(lake, [user("h1", ada | {"title": "H"}, status="SUSPENDED")], directory="hr")
    store(lake, [user("o1", ada | {"title": "O"})])
    resolve(acme, DAY, lake)
    title = only([r for r in resolved(lake, "provenance") if r["attribute"] == "title"])
    assert (title["value"], title["rule"]) == ("O", "inactive_last")


def test_an_id_that_occurs_twice_is_one_account(lake: Lake) -> None:
    ada = user("o1", {"email": "ada@acme.test"})
    store(lake, [ada, user("o1", {"email": "ada@acme.test", "title": "Poet"}), user("o2")])
    evidence = resolve(organization(), DAY, lake).evidence
    assert (evidence["accounts"], evidence["people"]) == (2, 2)


def assert_explained(lake: Lake, *, day: date = DAY) -> None:
    """Each filled value has one row of provenance, and each row has such a value."""
    values = {
        (row["person_id"], name): str(value).lower() if name == "active" else value
        for row in resolved(lake, "people", day=day)
        for name, value in row.items()
        if name not in NOT_VALUES and value is not None
    }
    provenance = resolved(lake, "provenance", day=day)
    assert {(row["person_id"], row["attribute"]): row["value"] for row in provenance} == values
    assert len(provenance) == len(values)
    accounts = {
        (row["directory"], row["id"]): row["person_id"]
        for row in resolved(lake, "accounts", day=day)
    }
    for row in provenance:
        assert accounts[row["directory"], row["account_id"]] == row["person_id"]


# The same inputs give the same rows.

FIELDS = ["login", "email", "firstName", "displayName", "managerId", "employeeNumber", "deskNumber"]
TEXTS = st.sampled_from(
    ["", " ", "\u00a0", "a", "b", "00u1", "00u2", "A", "静", "a@acme.test", "'\"\\"]
)
PROFILE = st.dictionaries(st.sampled_from(FIELDS), TEXTS | st.none() | st.integers(0, 3))
USERS = st.dictionaries(
    st.sampled_from([f"00u{number}" for number in range(10)]),
    st.tuples(PROFILE, st.sampled_from(["ACTIVE", "DEPROVISIONED", None])),
    min_size=6,
)
MEMBERSHIPS = st.lists(
    st.tuples(st.sampled_from(["g1", "g2", "gone"]), st.sampled_from(["00u0", "00u1", "00u9"])),
    unique=True,
)
GROUPS = st.lists(st.sampled_from(["g1", "g2"]), unique=True)


class Held(NamedTuple):
    """What a directory holds on a day."""

    users: Sequence[Row]
    groups: Sequence[Row]
    memberships: Sequence[tuple[str, str]]


@st.composite
def held(draw: st.DrawFn) -> tuple[Held, Held]:
    """What a directory holds, and the same in another order."""
    users = [user(name, *about) for name, about in draw(USERS).items()]
    groups = [group(name, name.upper()) for name in draw(GROUPS)]
    memberships = draw(MEMBERSHIPS)
    assume(groups and memberships)  # the first example that is tried is the simplest one
    return Held(users, groups, memberships), Held(
        draw(st.permutations(users)),
        draw(st.permutations(groups)),
        draw(st.permutations(memberships)),
    )


@pytest.mark.slow
@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(today=held(), yesterday=held())
def test_the_same_inputs_give_the_same_rows_in_any_order_of_days_and_rows(
    tmp_path_factory: pytest.TempPathFactory, today: tuple[Held, Held], yesterday: tuple[Held, Held]
) -> None:
    desk = organization(attributes={"desk": "deskNumber"})
    results = []
    for side, order in ((0, (YESTERDAY, DAY)), (1, (DAY, YESTERDAY))):
        lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
        store(lake, *today[side], day=DAY)
        store(lake, *yesterday[side], day=YESTERDAY)
        for day in order:
            resolve(desk, day, lake)
        results.append(
            {(day, table): resolved(lake, table, day=day) for day in order for table in TABLES}
        )
        assert_explained(lake)
    assert results[0] == results[1]


def test_resolving_again_gives_the_same_rows_under_an_id_of_their_own(lake: Lake) -> None:
    store(lake, [user(f"00u{number}", GRACE) for number in range(50)], [group("g", "Staff")])
    first = resolve(organization(), DAY, lake)
    rows = {table: resolved(lake, table) for table in TABLES}
    second = resolve(organization(), DAY, lake)
    assert {table: resolved(lake, table) for table in TABLES} == rows
    assert first.id != second.id
    assert first.model_copy(update={"id": second.id}) == second


def test_a_later_day_does_not_change_an_earlier_one(lake: Lake) -> None:
    store(lake, [user("a", {"title": "Clerk"})], day=YESTERDAY)
    resolve(organization(), YESTERDAY, lake)
    before = resolved(lake, "people", day=YESTERDAY)
    store(lake, [user("a", {"title": "Boss"}), user("b")], day=DAY)
    resolve(organization(), YESTERDAY, lake)
    assert resolved(lake, "people", day=YESTERDAY) == before


def test_the_rules_have_a_digest_that_changes_with_them() -> None:
    plain, desk = organization(), organization(attributes={"desk": "deskNumber"})
    assert rules.digest(plain) == rules.digest(organization())
    assert rules.digest(plain) != rules.digest(desk)
    # How it is read is no rule of how it is resolved.
    assert rules.digest(plain) == rules.digest(organization(rate_limit_share=0.1))


# Which snapshot a day is made from.


def test_a_day_is_resolved_from_the_newest_snapshot_not_after_it(lake: Lake) -> None:
    for days in (-3, -2, 1):
        store(lake, [user(f"read {days}")], day=DAY + timedelta(days=days))
    manifest = resolve(organization(), DAY, lake)
    assert list(people(lake)) == ["read -2"]
    assert manifest.sources["okta"].day == DAY - timedelta(days=2)
    assert manifest.rows == {
        "accounts": 1, "people": 1, "provenance": 1, "conflicts": 0, "groups": 0, "memberships": 0
    }  # fmt: skip


def test_the_error_for_a_day_before_the_first_snapshot_has_a_remedy(lake: Lake) -> None:
    store(lake, [user("a")], day=DAY + timedelta(days=1))
    with pytest.raises(NothingToResolve) as refused:
        resolve(organization(), DAY, lake)
    assert str(refused.value) == (
        "acme: there is no snapshot of 2026-11-23 or of an earlier day, of any of the directories okta,"
        " so there is nothing to resolve. APIs return current data only. The published directory stays"
        " as it was. What to do: choose a day from the first snapshot on, or read one now with"
        " `opensense-okta sync acme`."
    )
    assert lake.resolved_days() == []


def test_a_failed_resolve_leaves_the_stored_day_unchanged(lake: Lake) -> None:
    store(lake, [user("a")])
    resolve(organization(), DAY, lake)
    before = sorted(lake.resolved(DAY).folder.rglob("*"))
    broken = store(lake, [user("b")])
    lake.snapshot("okta", DAY).table(broken, "raw_users").write_bytes(b"not a Parquet file")
    with pytest.raises(Exception, match="cannot be read: the table is damaged"):
        resolve(organization(), DAY, lake)
    assert sorted(lake.resolved(DAY).folder.rglob("*")) == before
    assert list(people(lake)) == ["a"]


def test_the_manifest_lists_snapshots_and_rules(lake: Lake) -> None:
    taken = store(lake, [user("a")])
    made = resolve(organization(), DAY, lake)
    assert lake.resolved(DAY).manifest(ResolvedManifest) == made
    assert (made.organization, made.day) == ("acme", DAY)
    assert made.sources["okta"].id == taken.id
    assert made.rules == rules.digest(organization())


@pytest.mark.parametrize("users", [[], [user("a", status=None)]], ids=["no row", "no value"])
def test_columns_keep_their_types_without_a_value(tmp_path: Path, users: list[Row]) -> None:
    lake = Lake(tmp_path, "acme")
    store(lake, users)
    resolve(organization(attributes={"desk": "deskNumber"}), DAY, lake)
    assert {table: columns_of(resolved_file(lake, table)) for table in TABLES} == COLUMNS


def test_the_source_scope_of_a_day_that_0_1_resolved_is_read(lake: Lake) -> None:
    store(lake, [user("00u1")])
    text = resolve(organization(), DAY, lake).model_dump_json()
    written = text.replace('"source_scope":""', '"reach":"c0ffee"')
    assert ResolvedManifest.model_validate_json(written).sources["okta"].source_scope == "c0ffee"
