"""What a day is judged against: the directory that it would replace, of whatever day that is."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.approval import numbers, record_approval
from opensense_okta.publishing.judgement import JUDGEMENT, judge_day, stored_judgement
from opensense_okta.publishing.publish import Held, Publication, publish
from opensense_okta.publishing.published import NotResolved, published, resolved_day
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.lakes import add_day
from tests.support.stored import DAY, OKTA, company, group, organization, store, user

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
ACME = organization()
FOUR, EIGHT = "abcd", "abcdefgh"


def read(lake: Lake, users: str, day: date = DAY) -> None:
    """A day with these users, read and resolved."""

    def made(lake: Lake) -> None:
        members = [("g1", name) for name in users]
        store(lake, map(user, users), [group("g1", "Everyone")], members, day=day)
        resolve(ACME, day, lake)

    add_day(lake, (__name__, users, day), made)


def hold(
    lake: Lake, day: date = DAY, organization: Organization = ACME, *, even_if_older: bool = False
) -> Held:
    """How a day is held."""
    with pytest.raises(Held) as raised:
        publish(organization, lake, day, even_if_older=even_if_older)
    return raised.value


def users(lake: Lake) -> int:
    """How many people are published."""
    now = published(lake)
    assert now is not None
    return now.resolved.rows["people"]


def days(held: Held) -> tuple[date | None, date | None]:
    """Of the directories that changes are told against, and that the guards compared with."""
    base, replaces = held.judgement.base, held.judgement.replaces
    return base.day if base else None, replaces.day if replaces else None


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a lake of a company that was published yesterday, and has doubled today."""
    root = tmp_path_factory.mktemp("grown")
    for day, users in ((YESTERDAY, FOUR), (DAY, EIGHT)):
        read(Lake(root, "acme"), users, day)
        publish(ACME, Lake(root, "acme"), day)
    return root


@pytest.fixture
def acme(grown: Path, tmp_path: Path) -> Lake:
    """The same lake, as of a test's own."""
    shutil.copytree(grown, tmp_path / "data")
    return Lake(tmp_path / "data", "acme")


def test_who_judges_leaves_what_somebody_else_writes_at_the_same_time_alone(acme: Lake) -> None:
    read(acme, FOUR)
    changes = acme.resolved(DAY).table(resolved_day(acme, DAY), "changes")
    others = changes.with_name(f".{changes.name}")
    others.write_text("half of it")
    hold(acme)
    assert others.read_text() == "half of it"
    assert [path.name for path in changes.parent.glob(".*")] == [others.name]


# The same day again.


def test_a_day_read_again_is_judged_against_what_was_published_of_it(acme: Lake) -> None:
    read(acme, FOUR)
    held = hold(acme)
    assert days(held) == (YESTERDAY, DAY)
    assert held.judgement.difference == Difference()  # since yesterday nothing has changed
    assert "4 of 8 active people (50.0 %) are gone (4)" in held.message
    assert held.impact == (
        "The directory of 2026-11-23 as it was published before, which it was compared with, stays"
        " published."
    )
    assert users(acme) == 8


def test_a_day_that_was_let_through_passes_when_it_is_read_again_and_nothing_is_lost(
    acme: Lake,
) -> None:
    read(acme, "ab")
    assert publish_approved(ACME, acme, DAY).approved_by
    read(acme, "abc")
    again = publish(ACME, acme, DAY)
    assert (again.approved_by, users(acme)) == (None, 3)
    # Its changes are those of the day, as whoever looks at it later expects.
    assert again.difference == Difference(removed=1, memberships_removed=1)


def test_the_first_day_of_all_read_again_is_judged_as_well(tmp_path: Path) -> None:
    lake = Lake(tmp_path, "acme")
    read(lake, EIGHT)
    publish(ACME, lake, DAY)
    read(lake, FOUR)
    held = hold(lake)
    assert days(held) == (None, DAY)
    assert held.judgement.difference.added == 4  # before it nobody was published


def test_a_day_is_not_judged_against_itself_where_the_published_tables_are_lost(acme: Lake) -> None:
    was = published(acme)
    assert was is not None
    shutil.rmtree(acme.resolved(DAY).folder / was.id)
    read(acme, FOUR)
    with pytest.raises(NotResolved, match=f"Put .*{was.id} back from a backup"):
        publish(ACME, acme, DAY)


# Another day.


def test_the_day_after_a_held_one_is_judged_against_what_is_published(acme: Lake) -> None:
    read(acme, "ab")
    hold(acme)
    read(acme, "abc", TOMORROW)
    held = hold(acme, TOMORROW)
    assert days(held) == (DAY, DAY)
    assert held.judgement.difference == Difference(removed=5, memberships_removed=5)


def test_an_older_day_replaces_nothing_and_so_is_never_held(acme: Lake) -> None:
    read(acme, "x", YESTERDAY)
    judgement = judge_day(ACME, acme, resolved_day(acme, YESTERDAY))
    assert not judgement.held
    assert {(verdict.passed, verdict.message) for verdict in judgement.verdicts} == {
        (True, "Nothing is replaced: the directory of 2026-11-23 is published, and is newer.")
    }
    assert publish(ACME, acme, YESTERDAY) == Publication(
        YESTERDAY, f"{YESTERDAY} is resolved, and not published: {DAY} is published, and is newer."
    )


def test_an_older_day_that_is_asked_for_is_judged_against_the_newer_one(acme: Lake) -> None:
    held = hold(acme, YESTERDAY, even_if_older=True)
    assert "the job acme__approve for 2026-11-22 with the configuration that" in held.remedy
    assert "opensense-okta approve" not in held.remedy  # the command has no such option
    assert days(held) == (None, DAY)
    assert "4 of 8 active people (50.0 %) are gone (4)" in held.message
    assert users(acme) == 8
    assert publish_approved(ACME, acme, YESTERDAY, even_if_older=True).approved_by == "the test"
    assert users(acme) == 4


# What an approval is bound to.

STRICT = company({"okta": OKTA}, guards={"removed": {"count": 0, "percent": 0}})
OTHER_RULES = organization(attributes={"desk": "deskNumber"})


def test_an_approval_is_worthless_once_the_limits_are_other_ones(acme: Lake) -> None:
    read(acme, "ab")
    record_approval(acme, hold(acme).judgement, "Grace")
    hold(acme, organization=STRICT)
    assert publish(ACME, acme, DAY).approved_by == "Grace"


@pytest.mark.parametrize(
    ("resolved_by", "now"), [(ACME, OTHER_RULES), (OTHER_RULES, ACME)], ids=["file", "day"]
)
def test_what_other_rules_made_of_a_day_is_not_published_whoever_approved_it(
    acme: Lake, resolved_by: Organization, now: Organization
) -> None:
    read(acme, "ab")
    resolve(resolved_by, DAY, acme)
    record_approval(acme, hold(acme, organization=resolved_by).judgement, "Grace")
    with pytest.raises(NotResolved) as refused:
        publish(now, acme, DAY)
    assert str(refused.value) == (
        "acme: 2026-11-23 was resolved under other rules than the organization file has now. Start the job"
        " acme__resolve for 2026-11-23: it applies the new rules, and the guards evaluate what they change."
    )
    resolve(now, DAY, acme)
    hold(acme, organization=now)
    assert users(acme) == 8


# What is published already.


@pytest.mark.parametrize("lost", [False, True], ids=["stored", "lost"])
def test_what_is_published_is_not_judged_against_itself(acme: Lake, lost: bool) -> None:
    read(acme, "ab")
    publish_approved(ACME, acme, DAY)
    verdict = stored_judgement(acme, DAY)
    assert verdict is not None
    if lost:
        (acme.resolved(DAY).folder / JUDGEMENT).unlink()
        assert (
            days(Held("acme", judge_day(ACME, acme, resolved_day(acme, DAY)), None))[1] == YESTERDAY
        )
    else:
        assert judge_day(ACME, acme, resolved_day(acme, DAY)) == verdict
    assert publish(STRICT, acme, DAY).approved_by == "the test"
    assert lost or stored_judgement(acme, DAY) == verdict


# What is published, when files are gone.


def test_a_lost_database_is_what_the_next_day_is_compared_with_all_the_same(acme: Lake) -> None:
    acme.database.unlink()
    read(acme, FOUR, TOMORROW)
    assert days(hold(acme, TOMORROW)) == (DAY, DAY)
    read(acme, EIGHT, TOMORROW)
    publish(ACME, acme, TOMORROW)
    assert acme.database.exists()


def test_a_database_that_was_never_moved_into_place_is_not_published(acme: Lake) -> None:
    """A copied lake of 0.1 has other inodes: the marks of the days show which of the two it holds."""
    with duckdb.connect(str(acme.database)) as database:
        database.execute("drop table publication")
    was = published(acme)
    assert was is not None
    (acme.scratch / "published.json").write_text(
        (acme.scratch / "published.json").read_text().replace(f'"file": {was.file}', '"file": 0')
    )
    (acme.resolved(DAY).folder / "published.json").unlink()  # as if killed before the move
    now = published(acme)
    assert now is not None
    assert now.day == YESTERDAY


def test_lost_tables_are_not_those_that_other_rules_make_of_the_same_snapshots(acme: Lake) -> None:
    was = published(acme)
    assert was is not None
    shutil.rmtree(acme.resolved(DAY).folder / was.id)
    other = organization(attributes={"title": "login"})
    resolve(other, DAY, acme)
    store(acme, map(user, EIGHT), [group("g1", "Everyone")], [], day=TOMORROW)
    resolve(other, TOMORROW, acme)
    with pytest.raises(NotResolved, match="no longer in the lake"):
        publish(other, acme, TOMORROW)


# Who is who.


def test_people_who_become_one_with_others_in_numbers_hold_a_day(lake: Lake) -> None:
    two = company({"okta": OKTA, "hr": {**OKTA, "endpoint": "https://hr.okta.com"}})
    everyone = [group("g1", "Everyone")]
    for day in (DAY, TOMORROW):
        store(
            lake, [user(f"u{n}", {"email": f"{n}@acme.test"}) for n in range(20)], everyone, day=day
        )
        shifted = [{"email": f"{n}@acme.test"} if day == TOMORROW else {} for n in range(20)]
        store(
            lake,
            [user(f"h{n}", profile) for n, profile in enumerate(shifted)],
            everyone,
            day=day,
            directory="hr",
        )
        resolve(two, day, lake)
    publish(two, lake, DAY)
    held = hold(lake, TOMORROW, two)
    assert [verdict.name for verdict in held.judgement.tripped] == ["correlation"]
    assert "20 of 40 active people (50.0 %) were merged with another person" in held.message
    assert numbers(held.judgement) == {"correlation": 20}
