"""What the publications of one day are compared with, and how long an approval is valid.

Yesterday 100 people are published. Each tick of today reads the directory again.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.publishing.approval import approve_day, numbers, record_approval
from opensense_okta.publishing.days import examples_of
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import published
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.lakes import add_day
from tests.support.stored import (
    DAY,
    OKTA,
    company,
    group,
    organization,
    restate,
    rows_of,
    store,
    user,
)

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
ACME = organization()
ALL = range(100)


def read(lake: Lake, gone: Sequence[int], *, tomorrow: bool = False) -> None:
    """The directory is read and resolved, without some of its people."""
    day = TOMORROW if tomorrow else DAY
    people = [f"u{number:02}" for number in ALL if number not in gone]
    store(lake, map(user, people), [group("g1", "Everyone")], [], day=day)
    resolve(ACME, day, lake)


@pytest.fixture(scope="module")
def of_yesterday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = Lake(tmp_path_factory.mktemp("yesterday"), "acme")

    def made(lake: Lake) -> None:
        people = [f"u{number:02}" for number in ALL]
        store(lake, map(user, people), [group("g1", "Everyone")], [], day=YESTERDAY)
        resolve(ACME, YESTERDAY, lake)

    add_day(lake, (__name__, YESTERDAY), made)
    publish(ACME, lake, YESTERDAY)
    return lake.scratch.parent


@pytest.fixture
def acme(of_yesterday: Path, tmp_path: Path) -> Lake:
    shutil.copytree(of_yesterday, tmp_path / "data")
    return Lake(tmp_path / "data", "acme")


@dataclass(frozen=True)
class Tick:
    """A tick: who is gone since yesterday, and what becomes of it.

    Attributes:
        gone: the people who are gone.
        held: why it is held back; empty: it is published.
        approved: a person approves what is held back; it is not published before the next tick.
        published: who approved it, if it is published.
        tomorrow: it is a tick of the next day.
    """

    gone: Sequence[int]
    held: str = ""
    approved: bool = False
    published: str | None = None
    tomorrow: bool = False


DAYS = {
    "each tick loses little, the day too much": [
        Tick(range(9)),
        Tick(
            range(18),
            "18 of 100 active people (18.0 %) are gone (18) or inactive (0) since 2026-11-22",
        ),
        Tick(
            range(27),
            "27 of 100 active people (27.0 %) are gone (27) or inactive (0) since 2026-11-22",
        ),
        Tick(range(10)),
    ],
    "a tick loses much": [
        Tick([]),
        Tick(
            range(15),
            "15 of 100 active people (15.0 %) are gone (15) or inactive (0): more than 10",
        ),
    ],
    "a tick loses more than the day, because people had come back": [
        Tick(range(10)),
        Tick(range(10, 20)),
    ],
    "the last publication before midnight is what the next day is compared with": [
        Tick(range(9)),
        Tick(range(18), tomorrow=True),
        Tick(range(27), "18 of 91 active people (19.8 %) are gone (18)", tomorrow=True),
    ],
    "an approval is valid for a new read, and what was approved is compared with from then on": [
        Tick(range(18), "18 of 100", approved=True),
        Tick(range(18), published="Grace"),
        Tick(range(27)),
        Tick(
            range(36),
            "18 of 82 active people (22.0 %) are gone (18) or inactive (0) since the approved"
            " publication of 2026-11-23: more than 10",
        ),
    ],
    "a new read in which more people are gone asks again": [
        Tick(range(18), "18 of 100", approved=True),
        Tick(range(19), "19 of 100"),
    ],
    "a new read in which as many others are gone asks again": [
        Tick(range(18), "18 of 100", approved=True),
        Tick(range(20, 38), "18 of 100"),
    ],
    "a new read in which nobody is gone needs no approval": [
        Tick(range(18), "18 of 100", approved=True),
        Tick([]),
    ],
}


@pytest.mark.parametrize("name", DAYS)
def test_a_tick_is_compared_with_what_is_published_and_with_the_day_before(
    acme: Lake, name: str
) -> None:
    for tick in DAYS[name]:
        read(acme, tick.gone, tomorrow=tick.tomorrow)
        day = TOMORROW if tick.tomorrow else DAY
        if not tick.held:
            publication = publish(ACME, acme, day)
            assert publication.approved_by == tick.published
            assert publication.difference is not None
            assert tick.tomorrow or publication.difference.removed == len(tick.gone)
            continue
        with pytest.raises(Held) as held:
            publish(ACME, acme, day)
        assert tick.held in held.value.message
        if tick.approved:
            record_approval(acme, held.value.judgement, "Grace")


def test_a_person_sees_all_who_are_gone_since_the_day_before_and_approves_them(acme: Lake) -> None:
    for gone in (range(9), range(18)):
        read(acme, gone)
        try:
            publish(ACME, acme, DAY)
        except Held as held:
            judgement = held.judgement
    assert numbers(judgement) == {"removed": 18}
    difference, (of_people, *_) = examples_of(acme, judgement, judgement.tripped, 20)
    assert difference.removed == 9  # of the directory that it would replace
    assert len(of_people.rows) == 18
    approve_day(
        ACME, acme, DAY, by="Grace", numbers_seen={"removed": 18}, digest_seen=judgement.digest
    )
    assert publish(ACME, acme, DAY).approved_by == "Grace"
    now = published(acme)
    assert now is not None
    assert now.approved is not None
    assert now.approved.id == now.id


# Who is who.

TWO = company({"okta": OKTA, "hr": OKTA})


def read_ada(lake: Lake, *, hr: bool, okta: bool, email: str = "ada@acme.test") -> dict[str, str]:
    """HR and Okta, which comes first, are read, each with or without Ada; returns the persons of accounts."""
    who = {"hr": [user("h1", {"email": "ada@acme.test"})], "okta": [user("o1", {"email": email})]}
    for directory, has_her in (("hr", hr), ("okta", okta)):
        others = [user("x1", {"email": f"{directory}@acme.test"})]
        accounts = [*others, *(who[directory] if has_her else [])]
        store(lake, accounts, [group("g1", "Everyone")], [], directory=directory)
    resolved = resolve(TWO, DAY, lake)
    publish_approved(TWO, lake, DAY)
    rows = rows_of(lake.resolved(DAY).table(resolved, "accounts"))
    return {f"{row['directory']}/{row['id']}": str(row["person_id"]) for row in rows}


def test_a_person_has_the_same_id_at_each_tick(tmp_path: Path) -> None:
    lake = Lake(tmp_path, "acme")
    ada = read_ada(lake, hr=True, okta=False)["hr/h1"]
    joined = read_ada(lake, hr=True, okta=True)
    assert (joined["hr/h1"], joined["okta/o1"]) == (ada, ada)
    assert read_ada(lake, hr=False, okta=True)["okta/o1"] == ada
    # The key that linked the accounts is recorded while one of them is away.
    again = read_ada(lake, hr=True, okta=True, email="countess@acme.test")
    assert (again["hr/h1"], again["okta/o1"]) == (ada, ada)
    assert {row["id"] for row in rows_of(lake.ledger(DAY))} == {"h1", "o1", "x1"}


# What is delivered and shown.

EXPORTED = company(
    {"okta": OKTA}, publish={"csv": {"path": "out/people.csv", "columns": ["email", "title"]}}
)


def deliver(lake: Lake, titles: Mapping[str, str], day: date = DAY) -> tuple[str, str]:
    """People with these titles are read, published, exported and reported; the changes, and the report."""
    users = [user(name, {"email": name, "title": title}) for name, title in titles.items()]
    store(lake, users, [group("g1", "Everyone")], [], day=day)
    resolve(EXPORTED, day, lake)
    publish(EXPORTED, lake, day)
    assert export_published(EXPORTED, lake, day)
    report = write_report(EXPORTED, lake, day).read_text()
    return (lake.scratch / "out" / "people.changes.csv").read_text(), report


def test_each_tick_is_delivered_and_a_day_is_one_period_of_the_history(tmp_path: Path) -> None:
    lake = Lake(tmp_path, "acme")
    deliver(lake, {"ann": "Clerk"}, YESTERDAY)
    morning, report = deliver(lake, {"ann": "Cook", "bob": "Cook"})
    assert morning.splitlines()[1:] == ["changed,ann,Cook", "added,bob,Cook"]
    # At noon Ann has the title of yesterday: she differs from the last export only.
    noon, later = deliver(lake, {"ann": "Clerk", "bob": "Chief", "cy": "Cook"})
    assert sorted(noon.splitlines()[1:]) == [
        "added,bob,Chief",
        "added,cy,Cook",
        "changed,ann,Clerk",
    ]
    assert report != later
    people = (lake.scratch / "out" / "people.csv").read_text().splitlines()[1:]
    assert sorted(people) == [
        "ann,Clerk",
        "bob,Chief",
        "cy,Cook",
    ]
    with duckdb.connect(str(lake.scratch / "directory.duckdb"), read_only=True) as connection:
        history = connection.execute(
            "select email, title, valid_from, valid_to from people_history order by all"
        ).fetchall()
    assert history == [
        ("ann", "Clerk", YESTERDAY, None),
        ("bob", "Chief", DAY, None),
        ("cy", "Cook", DAY, None),
    ]


def test_a_guard_names_the_rule_of_scope_that_leaves_out_more(acme: Lake) -> None:
    restate(acme, day=YESTERDAY, evidence={"left_out.scope.groups": 5})
    people = [user(f"u{number:02}") for number in range(35, 100)]
    everyone = [group("g1", "Everyone")]
    store(acme, people, everyone, [], evidence={"left_out.scope.groups": 40})
    resolve(ACME, DAY, acme)
    with pytest.raises(Held, match=r"35 more accounts of okta are left out by scope\.groups now"):
        publish(ACME, acme, DAY)
