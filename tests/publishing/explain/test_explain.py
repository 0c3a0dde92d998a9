"""Why a person's values are what they are, from the stored tables alone."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.explain.explanation import (
    Change,
    Explanation,
    Value,
    explain,
    index_rows,
)
from opensense_okta.publishing.explain.find_person import (
    Found,
    StoredDay,
    current_day,
    find,
    index_texts,
    nearest,
    stored_day,
    stored_days,
)
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import Record, account, store
from tests.support.lakes import once
from tests.support.stored import DAY

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)

ANA = {
    "email": "ana@acme.test",
    "user_name": "alovelace",
    "employee_number": "E7",
    "given_name": "Ána",
    "family_name": "Lovelace",
    "title": "Clerk",
    "manager": "bob@acme.test",
}
BOB = {"email": "bob@acme.test", "display_name": "Bob Ray", "title": "Head"}
CAT = {"email": "cat@acme.test", "display_name": "Cat Ray"}
EVERYONE = {"1": ANA, "2": BOB, "3": CAT}

Accounts = Mapping[str, Mapping[str, str]]

NOBODY: Accounts = {}


def acme(**resolution: object) -> Organization:
    """The organization acme, with the HR file before the shop's."""
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": {
                name: {"kind": "csv", "users": f"/srv/{name}.csv"} for name in ("hr", "shop")
            },
            "resolution": {"match": ["employee_number", "email"], **resolution},
        }
    )


def snapshot(
    lake: Lake,
    day: date,
    hr: Accounts,
    shop: Accounts | None = NOBODY,
    *,
    staff: Sequence[str] = (),
    left: Sequence[str] = (),
) -> None:
    """Stores what the directories hold on a day.

    Args:
        lake: of acme.
        day: of the snapshots.
        hr, shop: the values of each account; None: the shop is not read on that day.
        staff: HR's accounts in the group Staff.
        left: accounts that are inactive.
    """
    for directory, accounts in (("hr", hr), ("shop", shop)):
        if accounts is not None:
            groups: list[Record] = [{"id": "g1", "name": "Staff"}] if directory == "hr" else []
            rows = [
                account(id_, values, active=id_ not in left) for id_, values in accounts.items()
            ]
            store(lake, directory, day, rows, groups, [("g1", one) for one in staff if groups])


def put_out(
    lake: Lake,
    day: date,
    hr: Accounts,
    shop: Accounts | None = NOBODY,
    *,
    staff: Sequence[str] = (),
) -> None:
    """Publishes a day."""

    def done() -> None:
        snapshot(lake, day, hr, shop, staff=staff)
        resolve(acme(), day, lake)
        publish(acme(), lake, day)

    once(lake, ("put out", day, repr((hr, shop, staff))), done)


def standing(lake: Lake) -> StoredDay:
    day = current_day(lake)
    assert day is not None
    return day


def on(lake: Lake, day: date) -> StoredDay:
    stored = stored_day(lake, day)
    assert stored is not None
    return stored


def explained(lake: Lake, who: str = "E7", *, day: StoredDay | None = None) -> Explanation:
    """What there is to say of whom the question fits, as published."""
    day = day or standing(lake)
    (one,) = found(lake, who, day=day)
    explanation = explain(lake, day, one.person_id)
    assert index_rows(lake, day).explain(one.person_id) == explanation
    return explanation


def found(lake: Lake, who: str, *, day: StoredDay | None = None) -> Sequence[Found]:
    """Who matches, with an index and without."""
    day = day or standing(lake)
    people = find(lake, [day], who)
    assert index_texts(lake, day).find(who) == people
    return people


def value(explanation: Explanation, attribute: str) -> Value:
    (value,) = [value for value in explanation.values if value.attribute == attribute]
    return value


# A directory with something of everything, which is only looked at.

RULES = {
    "title": {"precedence": ["shop", "hr"]},
    "mobile_phone": {"blank": "wins"},
    "aliases": {"merge": "union"},
}
HR = {"1": ANA | {"aliases": "al;ad"}, "2": BOB, "3": CAT}
SHOP = {
    "s1": {
        "employee_number": "E7",
        "email": "ana.old@acme.test",
        "user_name": "ána",
        "title": "Boss",
        "mobile_phone": "+1 555 0100",
        "aliases": "lady;al",
    },
    "s2": {"email": "bob@acme.test", "country": "US"},
    "s3": {"email": "cat@acme.test"},
    "s4": {"email": "cat@acme.test"},
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Ana has two accounts, Bob's second one is inactive, and Cat's could be either of two."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    snapshot(lake, DAY, HR, SHOP, staff=["1"], left=["s2"])
    resolve(acme(attributes=RULES), DAY, lake)
    return lake


# Who is found.


class Question(NamedTuple):
    who: str
    found: Sequence[str]


QUESTIONS = {
    "an e-mail": Question("ana@acme.test", ["Ána Lovelace"]),
    "an e-mail in another case": Question(" ANA@Acme.test ", ["Ána Lovelace"]),
    "an e-mail that lost": Question("ana.old@acme.test", ["Ána Lovelace"]),
    "a login": Question("ALovelace", ["Ána Lovelace"]),
    "an employee number": Question("e7", ["Ána Lovelace"]),
    "an account": Question("shop/s1", ["Ána Lovelace"]),
    "an account's bare id": Question("s1", ["Ána Lovelace"]),
    "a part of a name": Question("lovel", ["Ána Lovelace"]),
    "a part of a name, without its accents": Question("LOVELACE ana", ["Ána Lovelace"]),
    "a name as lists have it": Question("Lovelace, Ana", ["Ána Lovelace"]),
    "a login before a part of a name": Question("ána", ["Ána Lovelace"]),
    "a part of several names": Question("ray", ["Bob Ray", "Cat Ray"]),
    "an e-mail of several people": Question(
        "cat@acme.test", ["Cat Ray", "cat@acme.test", "cat@acme.test"]
    ),
    "a whole name": Question("cat ray", ["Cat Ray"]),
    "words of two people": Question("bob lovelace", []),
    "nobody": Question("zoe", []),
    "what SQL would take for anything": Question("%", []),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_who_is_found(company: Lake, name: str) -> None:
    who, expected = QUESTIONS[name]
    assert [one.name for one in found(company, who)] == expected


def test_who_is_found_by_the_persons_id(company: Lake) -> None:
    (ana,) = found(company, "E7")
    assert found(company, ana.person_id) == [ana]
    assert ana == Found(
        person_id=ana.person_id, name="Ána Lovelace", email="ana@acme.test", active=True, day=DAY
    )


def test_a_whole_name_comes_before_a_part_of_another_one(lake: Lake) -> None:
    snapshot(lake, DAY, {"1": {"display_name": "Ana Li"}, "2": {"display_name": "Diana Lind"}})
    resolve(acme(), DAY, lake)
    assert [one.name for one in found(lake, "ana li")] == ["Ana Li"]
    assert [one.name for one in found(lake, "na li")] == ["Ana Li", "Diana Lind"]


def test_what_looks_like_the_question(company: Lake) -> None:
    assert nearest(company, standing(company), "bob@acme.tst")[0] == "bob@acme.test"
    assert nearest(company, standing(company), "zzz") == []


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two days are resolved, and none is published. Cat is gone on the second one."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    for day, accounts in ((YESTERDAY, EVERYONE), (DAY, {"1": ANA, "2": BOB})):
        snapshot(lake, day, accounts)
        resolve(acme(), day, lake)
    return lake


def test_people_are_found_on_the_newest_of_many_days(unpublished: Lake) -> None:
    days = [on(unpublished, day) for day in stored_days(unpublished)]
    assert [(one.name, one.day) for one in find(unpublished, days, "ray")] == [
        ("Bob Ray", DAY),
        ("Cat Ray", YESTERDAY),
    ]


def test_an_attribute_of_many_values_is_searched_in_all_of_them(lake: Lake) -> None:
    organization = acme(attributes={"email": {"merge": "union"}})
    snapshot(lake, DAY, {"1": ANA | {"email": "a@x.test;b@x.test"}})
    resolve(organization, DAY, lake)
    assert explained(lake, "b@x.test").name == "Ána Lovelace"
    assert nearest(lake, standing(lake), "bb@x.test") == ["b@x.test", "a@x.test"]


# Why a value is so.


def test_a_value_says_where_it_is_from_by_which_rule_and_against_what(company: Lake) -> None:
    found = explained(company)
    told = {
        one.attribute: (
            one.value,
            f"{one.directory}/{one.account_id}",
            one.rule,
            [(losing.directory, losing.value) for losing in one.losing],
        )
        for one in found.values
    }
    assert told["family_name"] == ("Lovelace", "hr/1", "only_value", [])
    assert told["title"] == ("Boss", "shop/s1", "precedence", [("hr", "Clerk")])
    assert told["email"] == (
        "ana@acme.test",
        "hr/1",
        "default_precedence",
        [("shop", "ana.old@acme.test")],
    )
    assert told["active"] == (True, "hr/1", "default_precedence", [("shop", True)])
    assert told["aliases"] == (
        ["al", "ad", "lady"],
        "hr/1",
        "union",
        [],
    )


def test_values_come_in_the_order_of_the_columns(company: Lake) -> None:
    attributes = [one.attribute for one in explained(company).values]
    assert attributes[:4] == ["active", "user_name", "given_name", "family_name"]


def test_who_has_no_value_because_a_blank_wins_has_the_silenced_ones(company: Lake) -> None:
    ((attribute, silenced),) = explained(company).silent.items()
    assert attribute == "mobile_phone"
    assert [(one.directory, one.value) for one in silenced] == [("shop", "+1 555 0100")]


def test_manager_and_groups(company: Lake) -> None:
    found = explained(company)
    assert (found.name, found.active, found.manager) == ("Ána Lovelace", True, "Bob Ray")
    assert [(one.group_id, one.name, one.sources) for one in found.groups] == [
        ("hr/g1", "Staff", ("hr/g1",))
    ]


def test_a_group_in_a_group_is_named_as_the_way_to_the_person(lake: Lake) -> None:
    names = {"g1": "Everyone", "g2": "Staff", "g3": "Engineering", "g4": "Platform"}
    groups: list[Record] = [{"id": id_, "name": name} for id_, name in names.items()]
    nested = [("g1", "g2"), ("g2", "g3"), ("g3", "g4"), ("g1", "g3"), ("g4", "g1")]
    store(lake, "hr", DAY, [account("1", ANA)], groups, [("g4", "1"), ("g2", "1")], nested)
    resolve(acme(), DAY, lake)

    found = explained(lake, day=on(lake, DAY))

    assert [(group.name, group.direct, group.way) for group in found.groups] == [
        ("Engineering", False, "through Platform"),
        ("Everyone", False, "through Staff"),
        ("Platform", True, ""),
        ("Staff", True, ""),
    ]

    store(lake, "hr", DAY, [account("1", ANA)], groups, [("g4", "1")], nested)
    resolve(acme(), DAY, lake)

    ways = {group.name: group.way for group in explained(lake, day=on(lake, DAY)).groups}
    assert ways["Everyone"] == "through Engineering > Platform"
    assert ways["Staff"] == "through Engineering > Platform"

    # A later read of the day replaces the snapshot; the day was not resolved from that one.
    read_from = on(lake, DAY).resolved.sources["hr"]
    store(lake, "hr", DAY, [account("1", ANA)], groups, [("g4", "1")])
    assert {group.name: group.way for group in explained(lake, day=on(lake, DAY)).groups} == ways

    shutil.rmtree(lake.snapshot("hr", DAY).folder / read_from.id)
    ways = {group.name: group.way for group in explained(lake, day=on(lake, DAY)).groups}
    assert ways["Staff"] == "through a group in it; which one is not known any more"


def test_accounts_with_their_status(company: Lake) -> None:
    assert [
        (one.directory, one.id, one.status, one.active)
        for one in explained(company, "Bob Ray").accounts
    ] == [("hr", "2", "ACTIVE", True), ("shop", "s2", "INACTIVE", False)]


def test_a_conflict_of_values_comes_with_what_each_account_says(company: Lake) -> None:
    details = {one.attribute: (one.kind, one.detail) for one in explained(company).conflicts}
    assert details["title"] == ("value", {"values": {"hr/1": "Clerk", "shop/s1": "Boss"}})


def test_a_conflict_of_who_is_who_comes_with_the_accounts_and_their_keys(company: Lake) -> None:
    (conflict,) = explained(company, "Cat Ray").conflicts
    key = {"email": "cat@acme.test"}
    assert (conflict.kind, conflict.attribute) == ("ambiguous_match", "email")
    assert conflict.detail == {
        "key": "email",
        "accounts": {"hr/3": key, "shop/s3": key, "shop/s4": key},
    }


def test_old_data_is_known_as_old(lake: Lake) -> None:
    snapshot(lake, DAY - timedelta(days=9), {}, SHOP)
    snapshot(lake, DAY, {"1": ANA | {"user_name": ""}}, None)
    resolve(acme(), DAY, lake)
    found = explained(lake)
    assert found.stale == {"shop"}
    assert value(found, "user_name").as_of == DAY - timedelta(days=9)
    assert value(found, "title").as_of == DAY


# Since when, and what changed.


def changes(explanation: Explanation) -> list[tuple[int, str, str | None, str | None, str | None]]:
    """Days ago, what, and from what to what."""
    return [
        ((explanation.day - one.day).days, one.change, one.attribute, one.before, one.after)
        for one in explanation.changes
    ]


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Ana becomes Head and joins Staff; a day later she is Boss; Cat comes and goes."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    put_out(lake, YESTERDAY, {"1": ANA, "2": BOB})
    put_out(lake, DAY, EVERYONE | {"1": ANA | {"title": "Head"}}, staff=["1"])
    put_out(lake, TOMORROW, {"1": ANA | {"title": "Boss"}, "2": BOB}, staff=["1"])
    return lake


def test_since_when_a_value_is_so(three_days: Lake) -> None:
    found = explained(three_days)
    assert value(found, "title").since == TOMORROW
    assert value(found, "email").since == YESTERDAY  # the first day that is stored


def test_what_changed_when(three_days: Lake) -> None:
    assert changes(explained(three_days)) == [
        (0, "changed", "title", "Head", "Boss"),
        (1, "added", "membership", None, "hr/g1"),
        (1, "changed", "title", "Clerk", "Head"),
        (2, "added", None, None, None),
    ]


def test_what_changed_is_told_by_name(three_days: Lake) -> None:
    (joined,) = [one for one in explained(three_days).changes if one.attribute == "membership"]
    assert (joined.before_name, joined.after_name) == (None, "Staff")


def test_a_past_day_knows_nothing_of_later_ones(three_days: Lake) -> None:
    found = explained(three_days, day=on(three_days, DAY))
    assert (value(found, "title").value, value(found, "title").since) == ("Head", DAY)
    assert [days for days, *_ in changes(found)] == [0, 0, 1]


def test_who_came_later_is_so_since_then(three_days: Lake) -> None:
    found = explained(three_days, "cat", day=on(three_days, DAY))
    assert {one.since for one in found.values} == {DAY}


def test_two_who_became_one_say_so(lake: Lake) -> None:
    put_out(lake, YESTERDAY, EVERYONE, {"s1": {"email": "a@x.test"}})
    put_out(lake, DAY, EVERYONE, {"s1": {"email": "ana@acme.test"}})
    (merged,) = [one for one in explained(lake).changes if one.change == "merged"]
    assert merged == Change(
        day=DAY,
        change="merged",
        attribute=None,
        before=merged.before,
        after=explained(lake).person_id,
        before_name=None,
        after_name="Ána Lovelace",
    )
    # The one that ended is told, too, for the day on which it still was.
    assert [one.person_id for one in find(lake, [on(lake, YESTERDAY)], "a@x.test")] == [
        merged.before
    ]


# Which day.


def test_the_published_day_stands_although_a_newer_one_is_resolved(lake: Lake) -> None:
    put_out(lake, YESTERDAY, EVERYONE)
    snapshot(lake, DAY, {"1": ANA | {"title": "Nonsense"}})
    resolve(acme(), DAY, lake)
    assert value(explained(lake), "title").value == "Clerk"
    held = explained(lake, day=on(lake, DAY))
    assert (held.published, value(held, "title").value) == (False, "Nonsense")
    assert value(held, "title").since is None  # it has not been compared with the published day
    assert stored_days(lake) == [YESTERDAY, DAY]


def test_what_was_published_is_explained_though_the_day_was_resolved_again(lake: Lake) -> None:
    put_out(lake, YESTERDAY, EVERYONE)
    snapshot(lake, YESTERDAY, EVERYONE | {"1": ANA | {"title": "Nonsense"}})
    resolve(acme(), YESTERDAY, lake)
    for day in (standing(lake), on(lake, YESTERDAY)):
        assert (day.published, value(explained(lake, day=day), "title").value) == (True, "Clerk")


def test_before_anything_is_published_it_is_the_newest_resolved_day(
    lake: Lake, unpublished: Lake
) -> None:
    assert current_day(lake) is None
    found = explained(unpublished)
    assert (found.day, found.published, found.changes) == (DAY, False, ())


def test_a_day_that_is_not_stored_is_none(lake: Lake) -> None:
    assert stored_day(lake, DAY) is None
    assert find(lake, [], "ana") == []
