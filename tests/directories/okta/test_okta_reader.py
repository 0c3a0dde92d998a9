"""One read of an Okta organization: the simulator's and whatever else may answer."""

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.http.client import CONNECTIONS, TRIES
from opensense_okta.directories.protocol import Progress
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import (
    ODD_RECORDS,
    Answer,
    Delay,
    Fault,
    Malformed,
    OddRecord,
    Redirect,
    Reset,
    Slow,
    Truncated,
)
from opensense_okta.simulator.messages import Call
from opensense_okta.simulator.messages import Reply as SimulatorReply
from opensense_okta.simulator.okta.faults import (
    MEMBERS,
    Empty,
    EmptyLastPage,
    Failure,
    FaultContext,
    ForeignNext,
    GroupVanishes,
    JoinedLinks,
    LostLinks,
    OddLimits,
    RateLimited,
    RepeatedCursor,
    RestrictedAdmin,
    RowMoves,
    SmallPages,
    StrangeRecords,
    make_fault,
)
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from tests.directories.okta.test_recordings import group_row, user_row, without_capture
from tests.support.reads import Read, failure, read
from tests.support.replay import Peer, Reply, serving

Json = dict[str, Any]
Answering = Callable[[str], Reply]
Answered = Callable[[Answering], Read]

USERS = r"GET /api/v1/users\?limit=200$"
DEPROVISIONED = r"GET /api/v1/users\?limit=200&filter"
GROUPS = r"GET /api/v1/groups\?"
LARGE_MEMBERS = r"/users\?limit=1000"
NEXT_PAGE = r"\?(.*&)?after="


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serving(small_org) as running:
        yield running


@pytest.fixture(scope="module")
def stranger() -> Iterator[Peer]:
    """A host that nobody should send anything to."""
    with serving(small_org) as running:
        yield running


@pytest.fixture
def answered(peer: Peer, tmp_path: Path) -> Callable[[Answering], Read]:
    """Reads a peer that answers in the given way."""

    def read_answers(answer: Answering) -> Read:
        peer.asked.clear()
        peer.answer = answer
        return read(peer.url, tmp_path)

    return read_answers


UNHURRIED = Limits(users=100_000, groups=100_000)


def small_company() -> Org:
    return Org.create(users=48, groups=7, memberships=90)


@pytest.fixture
def org() -> Org:
    return small_company()


@pytest.fixture
def okta(org: Org) -> Iterator[Simulator]:
    with running(Simulator(org, limits=UNHURRIED)) as simulator:
        yield simulator


@pytest.fixture
def take(okta: Simulator, tmp_path: Path) -> Callable[..., Read]:
    """Reads the simulator while things go wrong with it."""

    def take_with(*faults: Fault) -> Read:
        okta.faults[:] = faults
        okta.requests.clear()
        return read(okta.url, tmp_path)

    return take_with


Take = Callable[..., Read]


class OddRead(NamedTuple):
    """A read of odd records, and the fault in each table."""

    found: Read
    org: Org
    okta: Simulator
    odd: Mapping[str, OddRecord]


@dataclass(kw_only=True)
class Meanwhile(Fault):
    """Something happens in the org, just before a call is answered."""

    happens: Callable[[], object]

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> SimulatorReply:
        del context
        self.happens()
        return await answer(call)


def assert_true(found: Read, org: Org) -> None:
    """The raw tables hold what the org holds, attribute by attribute."""
    truth = org.truth()
    assert without_capture(found.users) == [user_row(user) for user in truth.users]
    counted = Counter(group for group, _ in truth.memberships)
    assert without_capture(found.groups) == [
        {**group_row(group), "members_count": counted[group["id"]]} for group in truth.groups
    ]
    assert found.memberships == sorted(truth.memberships)


def largest(org: Org) -> str:
    """The largest group whose members have to be read; who is in Everyone follows from the users."""
    groups = (group for group in org.group_ids if group != org.everyone)
    return max(groups, key=lambda group: len(org.members(group)))


def targets(okta: Simulator, part: str) -> list[str]:
    return [served.target for served in okta.requests if part in served.target]


def test_a_read_holds_the_whole_org(take: Take, org: Org) -> None:
    found = take()
    assert_true(found, org)
    assert {user["status"] for user in found.users} > {"ACTIVE", "DEPROVISIONED"}
    assert set(found.set_aside.values()) == {0}


def test_each_listing_is_asked_for_once_and_groups_without_members_not_at_all(
    take: Take, okta: Simulator, org: Org
) -> None:
    empty = org.add_group(Random(1), "Nobody")  # noqa: S311 - no secrets
    found = take()
    asked = [served.target for served in okta.requests]
    members = {
        f"/api/v1/groups/{group}/users?limit=1000"
        for group in org.group_ids
        if group not in {empty, org.everyone}
    }
    assert sorted(asked) == sorted(
        {
            "/api/v1/users?limit=200",
            "/api/v1/users?limit=200&filter=status%20eq%20%22DEPROVISIONED%22",
            "/api/v1/groups?limit=200&expand=stats",
            *members,
        }
    )
    assert (found.cost.requests, found.cost.retries) == (len(asked), 0)
    assert found.cost.received > 10_000
    assert found.cost.pages == len(asked)


def test_the_deactivated_are_listed_after_the_others(take: Take, okta: Simulator) -> None:
    take()
    plain, deprovisioned = targets(okta, "/api/v1/users?")
    assert "DEPROVISIONED" in deprovisioned
    assert "filter" not in plain


def test_records_are_asked_for_lean(answered: Answered, peer: Peer) -> None:
    answered(small_org)
    for asked in peer.asked:
        assert asked.headers["content-type"] == (
            'application/json; okta-response="omitCredentials,omitCredentialsLinks,'
            'omitTransitioningToStatus"'
        )
        assert asked.headers["accept"] == "application/json"
        assert asked.headers["user-agent"] == "opensense_okta"


def test_whoever_watches_is_told(okta: Simulator, org: Org, tmp_path: Path) -> None:
    heard: list[Progress] = []
    read(okta.url, tmp_path, listener=heard.append)
    last = {progress.stage: progress for progress in heard}
    assert last["users"].done == len(org.users)
    assert last["groups"].done == len(org.groups)
    members = last["groups' members"]
    to_read = [g for g in org.group_ids if org.members(g) and g != org.everyone]
    assert members.done == members.total == len(to_read)


# -- what does no harm ------------------------------------------------------------------------

HARMLESS = [
    JoinedLinks(),
    SmallPages(limit=7),
    SmallPages(limit=1),
    EmptyLastPage(),
    RowMoves(),
    Delay(seconds=0.1, times=3),
    Slow(seconds=0.1, times=3),
]


@pytest.mark.parametrize("fault", HARMLESS, ids=repr)
def test_pages_of_any_form_give_the_whole_org(take: Take, org: Org, fault: Fault) -> None:
    found = take(fault, SmallPages(limit=11))
    assert_true(found, org)
    assert found.cost.retries == 0


REPEATED = [
    Failure(code="E0000009"),
    Failure(code="E0000010"),
    Failure(code="E0000100"),
    Failure(code="E0000005"),
    Failure(code="E0000010", headers={"retry-after": "0.1"}),
    make_fault("gateway-html"),
    make_fault("gateway-timeout"),
    Reset(),
    Truncated(),
    Malformed(),
    RateLimited(seconds=1),
    RateLimited(concurrency=True),
]


@pytest.mark.parametrize("fault", REPEATED, ids=repr)
def test_what_may_pass_is_tried_again(take: Take, org: Org, fault: Fault) -> None:
    matches = (USERS, DEPROVISIONED, GROUPS, MEMBERS)
    found = take(*(remade(fault, match=match) for match in matches))
    assert_true(found, org)
    assert found.cost.retries == len(matches)


def remade(fault: Fault, **changes: Any) -> Fault:  # noqa: ANN401 - as the fault has them
    fields = {
        name: getattr(fault, name) for name, f in fault.__dataclass_fields__.items() if f.init
    }
    return type(fault)(**{**fields, **changes})


@pytest.mark.parametrize(
    "fault",
    [Reset(), RateLimited(seconds=1), RateLimited(concurrency=True), Failure(code="E0000005")],
)
def test_the_last_try_may_be_the_good_one(take: Take, org: Org, fault: Fault) -> None:
    found = take(remade(fault, match=USERS, times=TRIES - 1))
    assert_true(found, org)
    assert found.cost.retries == TRIES - 1


@pytest.mark.parametrize("fault", [RateLimited(seconds=1), RateLimited(concurrency=True)])
def test_a_large_page_of_members_is_as_patient_with_limits_as_any(
    take: Take, okta: Simulator, org: Org, fault: Fault
) -> None:
    found = take(remade(fault, match=rf"groups/{largest(org)}/users", times=TRIES - 1))
    assert_true(found, org)
    assert not targets(okta, "/users?limit=200&after") + targets(
        okta, f"{largest(org)}/users?limit=200"
    )


def test_a_page_that_fails_for_good_fails_the_read(take: Take, okta: Simulator) -> None:
    error = failure(lambda: take(Failure(code="E0000009", match=USERS, times=None)))
    assert type(error) is errors.ServerTrouble
    assert len(targets(okta, "/api/v1/users?limit=200")) == TRIES


def test_a_host_that_nobody_answers_at_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(lambda: read(f"http://127.0.0.1:{port}", tmp_path))
    assert type(error) is errors.Unreachable
    assert error.transient
    assert "ConnectError" in error.message
    assert "check `endpoint`, DNS, the firewall" in error.remedy


# -- limits -----------------------------------------------------------------------------------


def test_no_more_run_at_once_than_bulk_jobs_should(org: Org, tmp_path: Path) -> None:
    with running(
        Simulator(org, limits=Limits(users=100_000, groups=100_000), latency=0.05)
    ) as okta:
        read(okta.url, tmp_path)
    assert 4 <= okta.most_at_once <= CONNECTIONS


def test_the_share_of_each_bucket_is_spread_over_the_minute(org: Org, tmp_path: Path) -> None:
    with running(Simulator(org, limits=Limits(users=50, groups=50))) as okta:
        found = read(okta.url, tmp_path, share=0.5)
    assert okta.meter.refused == 0
    assert sum(found.slept) >= 60 * okta.meter.used("groups") / 25 - 5
    assert found.cost.headroom is not None
    assert found.cost.headroom >= 0.5


# -- what is an error, never a deletion -------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words", "transient"),
    [
        (Empty(match=USERS), "listed no users at all", False),
        (Empty(match=GROUPS), "not even Everyone", False),
        (RepeatedCursor(match=USERS), "run in a circle", True),
        (RepeatedCursor(match=GROUPS, times=None), "run in a circle", True),
        (RepeatedCursor(match=MEMBERS, times=None), "run in a circle", True),
    ],
)
def test_a_listing_that_cannot_be_whole_is_an_error(
    take: Take, fault: Fault, words: str, transient: bool
) -> None:
    error = failure(lambda: take(fault))
    assert type(error) is errors.IncompleteListing
    assert words in error.message
    assert error.transient is transient


def test_a_circle_of_several_pages_is_an_error(answered: Answered, peer: Peer) -> None:
    def circle(target: str) -> Reply:
        if not target.startswith("/api/v1/users"):
            return small_org(target)
        after = "b" if "after=a" in target else "a"
        link = (("link", f'<{peer.url}/api/v1/users?after={after}>; rel="next"'),)
        return Reply(200, b'[{"id": "00u1"}]', link)

    error = failure(lambda: answered(circle))
    assert type(error) is errors.IncompleteListing
    assert len([target for target in peer.targets if target.startswith("/api/v1/users")]) == 3


def test_a_full_page_without_any_link_is_an_error(tmp_path: Path) -> None:
    with running(
        Simulator(
            Org.create(users=450, groups=3, memberships=5),
            limits=Limits(users=100_000, groups=100_000),
            faults=[LostLinks(match=USERS, times=None)],
        )
    ) as okta:
        error = failure(lambda: read(okta.url, tmp_path))
    assert type(error) is errors.IncompleteListing
    assert "a proxy" in error.remedy


def test_a_restricted_administrators_part_is_told_by_the_missing_group_everyone(take: Take) -> None:
    assert take(RestrictedAdmin(one_in=1)).evidence["everyone"] == 0


def test_the_first_of_several_errors_is_told(take: Take) -> None:
    error = failure(
        lambda: take(
            Failure(code="E0000006", match=GROUPS, times=None),
            Delay(match=USERS, seconds=0.2, times=None),
            Failure(code="E0000011", match=USERS, times=None),
        )
    )
    assert type(error) is errors.AccessDenied


# -- the token stays with its host ------------------------------------------------------------


@pytest.mark.parametrize("match", [USERS, DEPROVISIONED, GROUPS, MEMBERS])
@pytest.mark.parametrize("kind", [ForeignNext, Redirect])
def test_the_token_never_reaches_another_host(
    take: Take, stranger: Peer, match: str, kind: type[ForeignNext | Redirect]
) -> None:
    error = failure(lambda: take(kind(match=match, host=stranger.url)))
    assert stranger.asked == []
    assert stranger.url in error.message
    assert type(error) is errors.UntrustedLink
    assert not error.transient
    assert "`endpoint`" in error.remedy


# -- a place that is lost ---------------------------------------------------------------------

LOST = Failure(code="E0000029", cause="Invalid cursor.")
PAGES = SmallPages(limit=11)


@pytest.mark.parametrize("listing", ["/api/v1/users", "/api/v1/groups", r"groups/\w+/users"])
@pytest.mark.parametrize("code", ["E0000029", "E0000031"])
def test_a_listing_whose_place_is_lost_is_begun_anew(
    take: Take, okta: Simulator, org: Org, listing: str, code: str
) -> None:
    lost = remade(LOST, match=rf"{listing}{NEXT_PAGE}", after=1, code=code)
    found = take(lost, SmallPages(limit=3))
    assert_true(found, org)
    assert lost.struck == 1
    begun = Counter(served.target for served in okta.requests if "after=" not in served.target)
    assert sorted(begun.values())[-2:] == [1, 2]


def test_what_was_set_aside_before_a_place_was_lost_does_not_count_twice(take: Take) -> None:
    lost = remade(LOST, match=rf"/api/v1/groups{NEXT_PAGE}", after=1)
    found = take(lost, StrangeRecords(match=GROUPS, times=None), SmallPages(limit=3))
    assert lost.struck == 1
    assert found.set_aside["raw_groups"] == 8 * 3


def test_a_place_that_is_lost_again_fails_the_read(take: Take) -> None:
    lost = remade(LOST, match=rf"/api/v1/users{NEXT_PAGE}", times=None)
    error = failure(lambda: take(lost, PAGES))
    assert type(error) is errors.CursorLost
    assert lost.struck == 2


# -- what changes while it is read ------------------------------------------------------------


def test_a_user_deactivated_meanwhile_is_listed_once_and_as_deactivated(
    take: Take, org: Org
) -> None:
    user = next(user for user in org.user_ids if org.users[user]["status"] == "ACTIVE")
    found = take(
        Meanwhile(match=DEPROVISIONED, happens=lambda: org.set_status(user, "DEPROVISIONED"))
    )
    assert [row["status"] for row in found.users if row["id"] == user] == ["DEPROVISIONED"]


@pytest.mark.parametrize("older_first", [True, False])
def test_of_a_user_seen_twice_the_youngest_version_counts(
    answered: Answered, peer: Peer, older_first: bool
) -> None:
    old = person("00u1", title="old", lastUpdated="2026-01-01T00:00:00.000Z")
    new = person("00u1", title="new", lastUpdated="2026-01-02T00:00:00.000Z")
    first, last = (old, new) if older_first else (new, old)
    found = answered(listed(peer, users=[[first], [person("00u2")], [last]]))
    assert [user["profile"].get("title") for user in found.users] == ["new", None]
    assert found.evidence["users_doubled"] == 0


def test_without_times_the_version_read_last_counts(answered: Answered, peer: Peer) -> None:
    pages = [[person("00u1", title="old")], [person("00u1", title="new")]]
    found = answered(listed(peer, users=pages))
    assert [user["profile"]["title"] for user in found.users] == ["new"]


def test_an_id_twice_on_one_page_is_evidence_of_a_broken_answer(
    answered: Answered, peer: Peer
) -> None:
    group = {"id": "00g1", "profile": {"name": "A"}}
    user = person("00u1")
    found = answered(listed(peer, users=[[user, user]], groups=[[group] * 3]))
    assert found.evidence["users_doubled"] == 1
    assert found.evidence["groups_doubled"] == 2


@pytest.mark.parametrize(
    "pages", [[], [SmallPages(limit=3)]], ids=["at its first page", "in the middle"]
)
def test_a_group_that_vanishes_is_no_group_any_more(
    take: Take, org: Org, pages: list[Fault]
) -> None:
    group = max(org.group_ids[2:], key=lambda group: len(org.members(group)))
    assert len(org.members(group)) > 3
    match = rf"{group}/users" + (NEXT_PAGE if pages else r"\?")
    found = take(GroupVanishes(match=match), *pages)
    assert group not in org.group_ids
    assert_true(found, org)
    assert found.evidence["groups_gone"] == 1
    assert found.evidence["groups_unknown"] == 0


def test_a_group_may_vanish_after_its_large_page_failed(take: Take, org: Org) -> None:
    group = org.group_ids[3]
    assert org.members(group)
    found = take(
        Failure(code="E0000009", match=rf"{group}{LARGE_MEMBERS}", times=None),
        GroupVanishes(match=rf"{group}/users\?limit=200"),
    )
    assert_true(found, org)
    assert found.evidence["groups_gone"] == 1


# -- pages that are too large -----------------------------------------------------------------


@pytest.mark.parametrize("fault", [Failure(code="E0000009"), make_fault("gateway-html"), Reset()])
def test_where_a_large_page_of_members_fails_smaller_ones_are_read(
    take: Take, okta: Simulator, org: Org, fault: Fault
) -> None:
    found = take(remade(fault, match=LARGE_MEMBERS, times=None))
    assert_true(found, org)
    assert len(targets(okta, f"{largest(org)}/users?limit=1000")) == 2
    assert len(targets(okta, f"{largest(org)}/users?limit=200")) == 1


def test_where_a_large_page_fails_halfway_its_group_is_read_anew(
    take: Take, okta: Simulator, org: Org
) -> None:
    match = rf"{largest(org)}/users\?.*after=.*limit=10\b"
    found = take(
        StrangeRecords(match=MEMBERS, times=None),
        Failure(code="E0000009", match=match, after=2, times=2),
        SmallPages(limit=10),
    )
    assert_true(found, org)
    assert len(targets(okta, f"{largest(org)}/users?limit=200")) == 1


def test_where_small_pages_fail_as_well_the_read_fails(take: Take, okta: Simulator) -> None:
    error = failure(lambda: take(Failure(code="E0000009", match=MEMBERS, times=None)))
    assert type(error) is errors.ServerTrouble
    counted = Counter(target for target in targets(okta, "/users?limit=200") if "groups" in target)
    assert max(counted.values()) == TRIES


# -- records of every kind --------------------------------------------------------------------


def person(user_id: str, **more: Any) -> Json:  # noqa: ANN401 - whatever JSON holds
    """A user as the API writes it; fields of the record by name, all others are of the profile."""
    record = {
        name: more.pop(name) for name in list(more) if name in {"status", "lastUpdated", "type"}
    }
    return {"id": user_id, "status": "ACTIVE", **record, "profile": {"login": user_id, **more}}


def small_org(target: str) -> Reply:
    """One user, and the group Everyone with that user in it."""
    if target.startswith("/api/v1/groups?"):
        return Reply(200, b'[{"id": "00g1", "type": "BUILT_IN", "profile": {"name": "Everyone"}}]')
    return Reply(
        200, b'[{"id": "00u1", "status": "ACTIVE", "profile": {"login": "a@example.com"}}]'
    )


def listed(
    peer: Peer, users: list[list[Any]] | None = None, groups: list[list[Any]] | None = None
) -> Answering:
    """Answers with pages of one's own making; where there are none, with those of the small org."""
    listings = {"/api/v1/users": users, "/api/v1/groups": groups}

    def answer(target: str) -> Reply:
        path, _, query = target.partition("?")
        if "filter=" in query:
            return Reply()
        pages = listings.get(path)
        if pages is None:
            return small_org(target)
        number = int(query.partition("page=")[2] or 0)
        links = [("link", f'<{peer.url}{target}>; rel="self"')]
        if number + 1 < len(pages):
            links.append(("link", f'<{peer.url}{path}?page={number + 1}>; rel="next"'))
        return Reply(200, json.dumps(pages[number]).encode(), tuple(links))

    return answer


def test_records_that_cannot_be_understood_are_set_aside_and_counted(take: Take, org: Org) -> None:
    found = take(StrangeRecords(times=None))
    assert_true(found, org)
    listed = sum(bool(org.members(group)) for group in org.group_ids if group != org.everyone)
    assert found.set_aside == {
        "raw_users": 2 * 8,
        "raw_groups": 8,
        "memberships": 8 * listed,
    }


ODD_IN = {"raw_users": r"/users\?limit=200$", "raw_groups": GROUPS, "memberships": MEMBERS}


@pytest.fixture(scope="module")
def read_with_odd(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], OddRead]:
    """The read of an org of which each listing has the odd record once."""

    @cache
    def read_org(record: str) -> OddRead:
        org = small_company()
        odd = {table: OddRecord(match=match, record=record) for table, match in ODD_IN.items()}
        with running(Simulator(org, limits=UNHURRIED, faults=[*odd.values()])) as okta:
            found = read(okta.url, tmp_path_factory.mktemp("odd"))
        return OddRead(found, org, okta, odd)

    return read_org


@pytest.mark.parametrize("record", ODD_RECORDS)
@pytest.mark.parametrize("table", ODD_IN)
def test_one_odd_record_costs_no_other_and_is_counted(
    read_with_odd: Callable[[str], OddRead], table: str, record: str
) -> None:
    found, org, okta, odd = read_with_odd(record)
    assert odd[table].struck == 1
    assert_true(found, org)
    assert found.set_aside[table] == 1
    assert not targets(okta, "odd")


def test_limits_that_come_twice_pace_like_those_that_come_once(take: Take, org: Org) -> None:
    found = take(OddLimits(), SmallPages(limit=4))
    assert_true(found, org)
    assert found.cost.headroom == pytest.approx(1, abs=0.01)
    assert sum(found.slept) < found.cost.requests / 100  # by the limits, not by the ceiling


@pytest.mark.parametrize(
    "odd",
    [
        OddLimits(copies=0),
        *(OddLimits(copies=1, reset=value) for value in ("nan", "inf", "-1", "soon", "9" * 30)),
        OddLimits(copies=2, reset="nan"),
    ],
    ids=str,
)
def test_without_usable_limits_ten_requests_a_second_are_sent(
    take: Take, org: Org, odd: OddLimits
) -> None:
    found = take(odd, SmallPages(limit=4))
    assert_true(found, org)
    assert sum(found.slept) >= (found.cost.requests - 12) / 10
    assert found.cost.headroom is None


def test_a_page_may_hold_more_than_was_asked_for(answered: Answered, peer: Peer) -> None:
    users = [person(f"00u{number:04}") for number in range(450)]
    everyone = Reply(200, json.dumps(users).encode(), (("link", '<x>; rel="self"'),))
    answer = listed(peer, users=[users])
    found = answered(lambda target: everyone if "groups/" in target else answer(target))
    assert found.user_ids == [user["id"] for user in users]
    assert len(found.memberships) == 450


STRANGE_PROFILES: list[Json] = [
    {},
    {"title": None, "nickName": ""},
    {"Title": "a", "title": "b"},
    {"badge": 12345678901234567890123, "ratio": 1.5, "whole": 2.0, "tiny": 1e-30, "huge": 1e300},
    {"flags": [True, False, None], "languages": ["de", "日本語"], "nested": {"a": {"b": [1, {}]}}},
    {
        "emoji": "👍🏽",
        "rtl": "\u202eabc",
        "lines": "a\nb\r\nc\td",
        "nul": "a\u0000b",
        "quote": '"\\',
    },
    {"": "no name", "$.x": 1, "a.b": 2, "with space": 3, "desk_1": "x" * 5000},
]


def test_a_profile_stays_as_it_was_written(answered: Answered, peer: Peer) -> None:
    users = [{"id": f"00u{n}", "profile": profile} for n, profile in enumerate(STRANGE_PROFILES)]
    groups = [{"id": f"00g{n}", "profile": profile} for n, profile in enumerate(STRANGE_PROFILES)]
    found = answered(listed(peer, users=[users], groups=[groups]))
    assert [user["profile"] for user in found.users] == STRANGE_PROFILES
    assert [group["profile"] for group in found.groups] == STRANGE_PROFILES


ODD_FIELDS = ("status", "created", "lastUpdated", "type", "profile", "lastLogin", "_embedded")
ODD_VALUES: list[Any] = [None, 7, 1.5, True, "strange", "", [], ["x"], {}, {"x": 1}]


def test_a_field_of_an_odd_type_does_not_cost_the_record(answered: Answered, peer: Peer) -> None:
    odd = [{name: value} for name in ODD_FIELDS for value in ODD_VALUES]
    users = [{"id": f"00u{n:03}", **fields} for n, fields in enumerate(odd)]
    groups = [{"id": f"00g{n:03}", **fields} for n, fields in enumerate(odd)]
    found = answered(listed(peer, users=[users], groups=[groups]))
    assert found.user_ids == [user["id"] for user in users]
    assert found.group_ids == [group["id"] for group in groups]
    assert set(found.set_aside.values()) == {0}
    for row, fields in zip(found.users, odd, strict=True):
        profile = fields.get("profile")
        assert row["profile"] == ({} if profile is None else profile)
        assert row["created"] is row["last_updated"] is row["last_login"] is row["type_id"] is None


def test_what_is_unknown_passes_through(answered: Answered, peer: Peer) -> None:
    user = person("00u1", status="HIBERNATING", shoeSize=46) | {"realmId": "guo1", "new": {"a": 1}}
    found = answered(listed(peer, users=[[user]]))
    assert found.users[0]["status"] == "HIBERNATING"
    assert found.users[0]["profile"] == {"login": "00u1", "shoeSize": 46}
    assert found.evidence["statuses_unknown"] == 1


HALVES = [
    (rb'"Ann \ud83d"', "Ann \ufffd"),
    (rb'"\udc4d Ann"', "\ufffd Ann"),
    (rb'"\ud83d\ud83d\udc4d"', "\ufffd\U0001f44d"),
    (b'"Ann \xff"', "Ann \ufffd"),
    (rb'"\ud83d\udc4d"', "\U0001f44d"),
]


def written(target: str, users: bytes) -> Reply:
    if "filter=" in target:
        return Reply()
    return Reply(200, users) if target.startswith("/api/v1/users") else small_org(target)


def test_nobody_is_lost_for_half_an_emoji(answered: Answered) -> None:
    users = [
        b'{"id": "00u%d", "profile": {"n": %b}}' % (n, name) for n, (name, _) in enumerate(HALVES)
    ]
    body = b"[7," + b",".join(users) + b"]"
    found = answered(lambda target: written(target, body))
    assert [user["profile"]["n"] for user in found.users] == [kept for _, kept in HALVES]
    assert found.set_aside["raw_users"] == 1


def test_a_number_that_json_does_not_know_costs_its_record_only(answered: Answered) -> None:
    body = b'[{"id": "00u1", "profile": {"n": NaN}}, {"id": "00u2", "profile": {"n": 1e999}}, {"id": "00u3"}]'
    found = answered(lambda target: written(target, body))
    assert found.user_ids == ["00u3"]
    assert found.set_aside["raw_users"] == 2


def test_white_space_between_records_does_not_matter(answered: Answered) -> None:
    users = [person("00u1", note="a\nb"), person("00u2")]
    pretty = json.dumps(users, indent=2).replace("\n", "\r\n").encode()
    found = answered(lambda target: written(target, pretty))
    assert found.user_ids == ["00u1", "00u2"]
    assert found.users[0]["profile"]["note"] == "a\nb"


def test_ids_are_quoted_where_they_are_part_of_an_address(answered: Answered, peer: Peer) -> None:
    odd = "00g1?x=%2F&ü"
    found = answered(listed(peer, groups=[[{"id": odd}]]))
    assert "/api/v1/groups/00g1%3Fx%3D%252F%26%C3%BC/users?limit=1000" in peer.targets
    assert found.memberships == [(odd, "00u1")]
