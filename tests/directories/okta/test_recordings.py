"""What Okta really sent, read over HTTP, and compared with the bodies attribute by attribute."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.directories.errors import IncompleteListing
from tests.support.reads import Read, failure, read
from tests.support.replay import Peer, Recording, Reply, recording, serving

FOLDER = Path(__file__).parents[4] / "shared" / "fixtures" / "okta"
RECORDINGS = [recording(path) for path in sorted(FOLDER.glob("*.json"))]

pytestmark = pytest.mark.skipif(
    not RECORDINGS, reason=f"{FOLDER} is not there: nothing recorded to compare with"
)

Json = dict[str, Any]

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"
MEMBERS = re.compile(r"/api/v1/groups/([^/]+)/users")
GROUPS_OF_A_USER = re.compile(r"/api/v1/users/[^/]+/groups")
ONE_USER = re.compile(r"/api/v1/users/[^/]+")
ONE_GROUP = re.compile(r"/api/v1/groups/[^/]+")

ADMIN = {"id": "00uadmin", "status": "ACTIVE", "profile": {"login": "a@example.com"}}
EVERYONE = {"id": "00geveryone", "type": "BUILT_IN", "profile": {"name": "Everyone"}}


def recorded(path: str | re.Pattern[str], kind: type) -> list[Recording]:
    return [
        found
        for found in RECORDINGS
        if found.status == 200
        and isinstance(found.body, kind)
        and re.fullmatch(path, found.path)
        and found.path != f"{USERS}/me"
    ]


USER_LISTINGS = recorded(USERS, list)
GROUP_LISTINGS = recorded(GROUPS, list) + recorded(GROUPS_OF_A_USER, list)
MEMBER_LISTINGS = recorded(MEMBERS, list)
SINGLE_USERS = recorded(ONE_USER, dict)
SINGLE_GROUPS = recorded(ONE_GROUP, dict)


def named(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("listing", recordings, ids=lambda found: str(found.name))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serving(lambda _target: Reply()) as running:
        yield running


Replay = Callable[..., Read]
RowsOf = Callable[[str, Recording], list[Json]]


def records(listing: Recording) -> list[Json]:
    return listing.body if isinstance(listing.body, list) else [listing.body]


def leads_on(listing: Recording) -> bool:
    return any('rel="next"' in line for line in listing.headers.get("link", []))


def batches(recordings: list[Recording]) -> list[list[Recording]]:
    """Recordings that can be pages of one listing, because no record is in two of them."""
    batches: list[list[Recording]] = []
    ids: list[set[str]] = []
    for listing in recordings:
        own = {record["id"] for record in records(listing)}
        free = next((n for n, taken in enumerate(ids) if not taken & own), len(ids))
        if free == len(ids):
            ids.append(set())
            batches.append([])
        ids[free] |= own
        batches[free].append(listing)
    return batches


@pytest.fixture(scope="module")
def rows_of(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> RowsOf:
    """The rows of a recording's records, read from a listing of users or of groups.

    The pages of the listing are recordings: a read takes the same time for one of them and for all.
    """

    @cache
    def read_batch(listing: str, batch: tuple[str, ...]) -> Read:
        pages = [found for found in RECORDINGS if found.name in batch]

        def answer(target: str) -> Reply:
            path, _, query = target.partition("?")
            if "filter=" in query:
                return Reply()
            if path != listing:
                page = {USERS: least(USERS, ADMIN), GROUPS: least(GROUPS, EVERYONE)}.get(path)
                return page.reply(peer.url) if page else Reply()
            number = int(query.partition("page=")[2] or 0)
            page = dataclasses.replace(pages[number], body=records(pages[number]))
            link = ("link", f'<{peer.url}{path}?page={number + 1}>; rel="next"')
            reply = page.reply(peer.url)
            more = (link,) if number + 1 < len(pages) else ()
            return dataclasses.replace(reply, headers=(*reply.headers, *more))

        peer.answer = answer
        return read(peer.url, tmp_path_factory.mktemp("batch"))

    def rows(listing: str, recorded: Recording) -> list[Json]:
        groups = (USER_LISTINGS, SINGLE_USERS, GROUP_LISTINGS, SINGLE_GROUPS)
        kind = next(kind for kind in groups if recorded in kind)
        ending = [found for found in kind if not leads_on(found) and found.body]
        batch = next(batch for batch in batches(ending) if recorded in batch)
        found = read_batch(listing, tuple(page.name for page in batch))
        own = {record["id"] for record in records(recorded)}
        rows = found.users if listing == USERS else found.groups
        return without_capture([row for row in rows if row["id"] in own])

    return rows


@pytest.fixture
def replay(peer: Peer, tmp_path: Path) -> Replay:
    """Reads an org of which some listings are recorded; the others hold the least there can be.

    Where a link leads on, the page recorded for it comes next, or an empty one when none was.
    """
    peer.asked.clear()

    def replay_listings(**recorded: Recording) -> Read:
        listings = {USERS: least(USERS, ADMIN), GROUPS: least(GROUPS, EVERYONE)}
        listings |= {listing.path: listing for listing in recorded.values()}

        def answer(target: str) -> Reply:
            path, _, query = target.partition("?")
            page = listings.get(path)
            if "after=" in query:
                page = next((found for found in RECORDINGS if found.target == target), None)
            return page.reply(peer.url) if page and "filter=" not in query else Reply()

        peer.answer = answer
        return read(peer.url, tmp_path)

    return replay_listings


def least(path: str, row: Json) -> Recording:
    return Recording("least", f"https://acme.okta.com{path}", 200, {}, [row])


def followed(peer: Peer, listing: Recording) -> list[Json]:
    """The rows of a listing and of the recorded pages that were asked for after it."""
    after = [
        found for found in RECORDINGS if found.target in peer.targets and "after=" in found.target
    ]
    return [row for page in [listing, *after] for row in page.body]


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def user_row(user: Json) -> Json:
    """What the raw table must say of a user."""
    return {
        "id": user["id"],
        "status": user["status"],
        "created": moment(user["created"]),
        "activated": moment(user["activated"]),
        "status_changed": moment(user["statusChanged"]),
        "last_login": moment(user["lastLogin"]),
        "last_updated": moment(user["lastUpdated"]),
        "password_changed": moment(user["passwordChanged"]),
        "type_id": user["type"]["id"] if "type" in user else None,
        "profile": user["profile"],
    }


def group_row(group: Json) -> Json:
    """What the raw table must say of a group."""
    return {
        "id": group["id"],
        "type": group["type"],
        "name": group["profile"]["name"],
        "description": group["profile"]["description"],
        "created": moment(group["created"]),
        "last_updated": moment(group["lastUpdated"]),
        "last_membership_updated": moment(group["lastMembershipUpdated"]),
        "members_count": None,
        "profile": group["profile"],
    }


def without_capture(rows: list[Json]) -> list[Json]:
    return [{name: row[name] for name in row if name != "captured_at"} for row in rows]


def by_id(rows: list[Json]) -> list[Json]:
    return sorted({row["id"]: row for row in rows}.values(), key=lambda row: str(row["id"]))


def test_there_are_recordings_of_every_kind() -> None:
    kinds = (USER_LISTINGS, GROUP_LISTINGS, MEMBER_LISTINGS, SINGLE_USERS, SINGLE_GROUPS)
    assert [len(kind) for kind in kinds] == [31, 15, 8, 12, 6]


@named([listing for listing in USER_LISTINGS if listing.body])
def test_recorded_users_are_kept_as_they_came(
    replay: Replay, rows_of: RowsOf, peer: Peer, listing: Recording
) -> None:
    if leads_on(listing):
        kept = without_capture(replay(users=listing).users)
        expected = followed(peer, listing)
    else:
        kept, expected = rows_of(USERS, listing), listing.body
    assert kept == by_id([user_row(user) for user in expected])


@named([listing for listing in USER_LISTINGS if not listing.body])
def test_a_recorded_empty_answer_is_never_taken_for_an_org_without_users(
    replay: Replay, listing: Recording
) -> None:
    error = failure(lambda: replay(users=listing))
    assert isinstance(error, IncompleteListing)
    assert "listed no users at all" in error.message
    assert "role" in error.remedy


@named(SINGLE_USERS)
def test_recorded_users_of_all_sorts_are_kept_as_they_came(
    rows_of: RowsOf, listing: Recording
) -> None:
    assert rows_of(USERS, listing) == [user_row(listing.body)]


def test_both_forms_of_link_lines_lead_on(replay: Replay, peer: Peer) -> None:
    joined = next(found for found in USER_LISTINGS if found.name.startswith("028"))
    separate = next(found for found in USER_LISTINGS if found.name.startswith("020"))
    assert (len(joined.headers["link"]), len(separate.headers["link"])) == (1, 2)
    for listing, pages in ((joined, 3), (separate, 1)):
        peer.asked.clear()
        replay(users=listing)
        assert sum("after=" in target for target in peer.targets) == pages


@named([listing for listing in GROUP_LISTINGS if listing.body])
def test_recorded_groups_are_kept_as_they_came(rows_of: RowsOf, listing: Recording) -> None:
    assert rows_of(GROUPS, listing) == by_id([group_row(group) for group in listing.body])


@named([listing for listing in GROUP_LISTINGS if not listing.body])
def test_a_recorded_empty_answer_is_never_taken_for_an_org_without_groups(
    replay: Replay, listing: Recording
) -> None:
    error = failure(lambda: replay(groups=listing))
    assert isinstance(error, IncompleteListing)
    assert "not even Everyone" in error.message


@named(SINGLE_GROUPS)
def test_recorded_groups_of_all_sorts_are_kept_as_they_came(
    rows_of: RowsOf, listing: Recording
) -> None:
    assert rows_of(GROUPS, listing) == [group_row(listing.body)]


@named(MEMBER_LISTINGS)
def test_recorded_members_are_the_groups_memberships(replay: Replay, listing: Recording) -> None:
    group = listing.path.split("/")[4]
    read_back = replay(groups=least(GROUPS, {"id": group, "type": "OKTA_GROUP"}), members=listing)
    assert read_back.memberships == sorted((group, member["id"]) for member in listing.body)


def test_everything_recorded_is_read_at_once(peer: Peer, tmp_path: Path) -> None:
    """One org of all recorded users, groups and members: records seen twice count once, the youngest."""
    users = [user for listing in USER_LISTINGS for user in listing.body]
    groups = [group for listing in GROUP_LISTINGS for group in listing.body]
    members = {listing.path: listing.body for listing in MEMBER_LISTINGS}
    groups += [{"id": path.split("/")[4]} for path in members]
    bodies: dict[str, list[Json]] = {USERS: users, GROUPS: groups, **members}

    def answer(target: str) -> Reply:
        path, _, query = target.partition("?")
        rows = [] if "filter=" in query else bodies.get(path, [])
        page = int(query.partition("page=")[2] or 0)
        more = (("link", f'<{peer.url}{path}?page={page + 1}>; rel="next"'),)
        return Reply(200, json.dumps(rows[page : page + 1]).encode(), more if rows[page:] else ())

    peer.answer = answer
    read_back = read(peer.url, tmp_path)
    assert read_back.user_ids == sorted({user["id"] for user in users})
    assert read_back.group_ids == sorted({group["id"] for group in groups})
    youngest: dict[str, str] = {}
    for user in users:
        youngest[user["id"]] = max(youngest.get(user["id"], ""), user["lastUpdated"])
    assert {user["id"]: user["last_updated"] for user in read_back.users} == {
        user_id: moment(text) for user_id, text in youngest.items()
    }
