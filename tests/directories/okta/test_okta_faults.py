"""The fault matrix: whatever goes wrong, a right snapshot comes of it, or a clear typed error and the
last good snapshot as it was.

And pacing from end to end: the whole reader against the whole simulator, in virtual time.
"""

import asyncio
import hashlib
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from opensense_okta.config.models import Organization
from opensense_okta.directories import errors
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http import client as http
from opensense_okta.directories.http.client import Api, Auth, Protocol
from opensense_okta.directories.http.rate_limit import Clock
from opensense_okta.directories.http.transport import Sender
from opensense_okta.directories.okta import reader as okta
from opensense_okta.directories.protocol import Listener, Progress, no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.simulator import clock as simulator_clock
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import (
    Delay,
    Fault,
    Malformed,
    Redirect,
    Reset,
    Slow,
    Truncated,
)
from opensense_okta.simulator.okta.faults import (
    MEMBERS,
    Empty,
    Failure,
    ForeignNext,
    GroupVanishes,
    LostLinks,
    RateLimited,
    RepeatedCursor,
    RowMoves,
    SmallPages,
    TokensExpire,
    make_fault,
)
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from tests.directories.okta.test_okta_reader import DEPROVISIONED, GROUPS, LARGE_MEMBERS, USERS
from tests.directories.okta.test_recordings import group_row, user_row, without_capture
from tests.support import app, virtual_time
from tests.support.reads import failure, rows
from tests.support.scratch import scratch
from tests.support.virtual_time import Impatience

LISTINGS = (USERS, DEPROVISIONED, GROUPS, MEMBERS)
ALWAYS = None


def acme(url: str, key: Path) -> Organization:
    """The organization acme, whose Okta is read as an API Services app."""
    directory = {
        "kind": "okta",
        "endpoint": url,
        "client_id": app.APP,
        "private_key": {"file": str(key)},
        "rate_limit_share": 1.0,
        "memberships": "full",
    }
    settings = {"name": "acme", "timezone": "UTC", "first_day": "2026-11-01"}
    return Organization.model_validate(settings | {"directories": {"okta": directory}})


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_text(app.pem(app.key("P-256")))
    return path


@dataclass
class Bench:
    """acme's Okta, its lake, and the last good snapshot of today."""

    okta: Simulator
    lake: Lake
    key: Path
    chain: int = 0
    heard: list[Progress] = field(default_factory=list)

    def take(self, *faults: Fault) -> SnapshotManifest:
        """Another chain reads today's snapshot while things go wrong."""
        self.okta.faults[:] = faults
        self.okta.requests.clear()
        self.chain += 1
        return snapshot(acme(self.okta.url, self.key), self.lake, self.chain, self.heard.append)

    @property
    def stored(self) -> SnapshotManifest | None:
        """The snapshot that stands."""
        return self.lake.snapshot("okta", datetime.now(UTC).date()).manifest(SnapshotManifest)

    def assert_true(self) -> None:
        """The snapshot that stands is the org, to the row."""
        assert self.stored
        assert_true(self.lake, self.stored, self.okta.org)

    def committed(self) -> dict[Path, str]:
        """Everything of the snapshot that stands, by what it holds."""
        assert self.stored
        shelf = self.lake.snapshot("okta", self.stored.day)
        paths = [shelf.folder / "manifest.json", *(shelf.folder / self.stored.id).iterdir()]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def snapshot(
    organization: Organization, lake: Lake, chain: int, listener: Listener = no_progress
) -> SnapshotManifest:
    run = Run(f"run {chain}", f"chain {chain}")
    today = organization.today(datetime.now(UTC))
    return take_snapshot(organization, "okta", today, lake, run, listener)


def assert_true(lake: Lake, manifest: SnapshotManifest, org: Org) -> None:
    """A snapshot holds what the org holds, attribute by attribute."""
    truth = org.truth()
    shelf = lake.snapshot("okta", manifest.day)
    with scratch() as connection:
        for table in TABLES:
            engine.view(connection, table, shelf.table(manifest, table))
        found = {table: rows(connection, table) for table in TABLES}
    assert without_capture(found["raw_users"]) == [user_row(user) for user in truth.users]
    counted = Counter(group for group, _ in truth.memberships)
    assert without_capture(found["raw_groups"]) == [
        {**group_row(group), "members_count": counted[group["id"]]} for group in truth.groups
    ]
    members = sorted((row["group_id"], row["user_id"]) for row in found["memberships"])
    assert members == sorted(truth.memberships)


@contextmanager
def impatience() -> Iterator[None]:
    """Whatever the reader waits for passes at once."""
    clock = Impatience().clock

    @asynccontextmanager
    async def connected(origin: str, auth: Auth, protocol: Protocol) -> AsyncIterator[Api]:
        async with http.connect(origin, auth, protocol) as api:
            api.clock = clock
            yield api

    with mock.patch.object(okta, "connect", connected):
        yield


@contextmanager
def a_bench(org: Org, root: Path, key: Path) -> Iterator[Bench]:
    client = app.client(app.key("P-256"))
    unhurried = Limits(users=100_000, groups=100_000)
    with impatience(), running(Simulator(org, clients=[client], limits=unhurried)) as simulator:
        yield Bench(simulator, Lake(root, "acme"), key)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Iterator[Bench]:
    """An org with a good snapshot, for all: to take one is most of what a test takes."""
    org = Org.create(users=40, groups=5, memberships=60)
    with a_bench(org, tmp_path_factory.mktemp("lake"), key) as found:
        found.take()
        yield found


@pytest.fixture
def bench(good: Bench) -> Bench:
    """An org with a good snapshot, in which somebody left since."""
    good.okta.org.remove_user(good.okta.org.user_ids[-1])
    return good


PASSING: list[tuple[str, Callable[[str], Fault]]] = [
    ("a 500", lambda match: Failure(code="E0000009", match=match)),
    ("three 503", lambda match: Failure(code="E0000010", match=match, times=3)),
    ("a reset", lambda match: Reset(match=match)),
    ("a truncated body", lambda match: Truncated(match=match)),
    ("a malformed body", lambda match: Malformed(match=match)),
    ("a slow body", lambda match: Slow(match=match, seconds=0.2)),
    ("a storm of 429", lambda match: RateLimited(match=match, seconds=30, times=4)),
    ("too many at once", lambda match: RateLimited(match=match, concurrency=True, times=4)),
    ("an HTML page", lambda match: make_fault("gateway-html", match=match, times=3)),
    ("a token that ends", lambda match: TokensExpire(match=match)),
    ("a lost session", lambda match: Failure(code="E0000005", match=match)),
    ("rows that move", lambda match: RowMoves(match=match)),
]


@pytest.mark.parametrize(("name", "fault"), PASSING, ids=[name for name, _ in PASSING])
def test_what_passes_ends_in_a_right_snapshot(
    bench: Bench, name: str, fault: Callable[[str], Fault]
) -> None:
    # Of tokens only one ends: a second one lost to the same request is no surprise any more.
    faults = [fault(match) for match in (LISTINGS if name != "a token that ends" else [MEMBERS])]
    pages = SmallPages(limit=7, match=r"GET /api/v1/(users|groups)\?")
    manifest = bench.take(*faults, pages)
    assert all(struck.struck for struck in faults)
    assert bench.stored == manifest
    bench.assert_true()
    assert manifest.cost.requests == len(bench.okta.requests)


FOR_GOOD: list[tuple[Fault, type[DirectoryError]]] = [
    *(
        (Failure(code="E0000009", match=match, times=ALWAYS), errors.ServerTrouble)
        for match in LISTINGS
    ),
    *((Reset(match=match, times=ALWAYS), errors.Unreachable) for match in (USERS, MEMBERS)),
    (Truncated(match=GROUPS, times=ALWAYS), errors.Unreachable),
    *((Malformed(match=match, times=ALWAYS), errors.ServerTrouble) for match in (USERS, MEMBERS)),
    (RateLimited(match=GROUPS, times=ALWAYS), errors.RateLimited),
    (RateLimited(match=MEMBERS, times=ALWAYS, concurrency=True), errors.RateLimited),
    (make_fault("gateway-html", match=MEMBERS, times=ALWAYS), errors.ServerTrouble),
    (make_fault("unknown-org", match=GROUPS), errors.WrongAddress),
    (TokensExpire(match=MEMBERS, times=ALWAYS), errors.CredentialsRejected),
    (Failure(code="E0000005", match=MEMBERS, times=ALWAYS), errors.SessionLost),
    (Failure(code="E0000006", match=MEMBERS, times=ALWAYS), errors.AccessDenied),
    (Failure(code="E0000029", match=MEMBERS, times=ALWAYS), errors.CursorLost),
    *((Failure(status=500, match="POST", times=ALWAYS), errors.ServerTrouble),),
    (Empty(match=USERS), errors.IncompleteListing),
    (Empty(match=GROUPS), errors.IncompleteListing),
    (RepeatedCursor(match=USERS, times=ALWAYS), errors.IncompleteListing),
    (ForeignNext(match=GROUPS), errors.UntrustedLink),
    (Redirect(match=MEMBERS), errors.UntrustedLink),
]


def name_of(case: object) -> str:
    return f"{type(case).__name__} {case.match}" if isinstance(case, Fault) else ""


@pytest.mark.parametrize(("fault", "kind"), FOR_GOOD, ids=name_of)
def test_what_lasts_ends_in_a_typed_error_with_the_last_good_snapshot_as_it_was(
    bench: Bench, fault: Fault, kind: type[DirectoryError]
) -> None:
    before = bench.committed()
    error = failure(lambda: bench.take(fault))
    assert type(error) is kind
    assert error.subject == "acme/okta"
    assert error.message
    assert error.remedy
    assert bench.committed() == before
    bench.take()  # and once it is over, all is well
    bench.assert_true()


def test_a_body_that_takes_for_ever_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LONGEST_ANSWER", 0.15)
    before = bench.committed()
    error = failure(lambda: bench.take(Slow(match=USERS, seconds=1.0, times=ALWAYS)))
    assert type(error) is errors.Unreachable
    assert "TimeoutError" in error.message
    assert bench.committed() == before
    bench.take(Slow(match=LARGE_MEMBERS, seconds=1.0, times=2))
    bench.assert_true()


def test_a_group_that_vanishes_meanwhile_is_gone_with_its_members(bench: Bench) -> None:
    vanishing = GroupVanishes()
    manifest = bench.take(vanishing)
    truth = bench.okta.org.truth()
    shelf = bench.lake.snapshot("okta", manifest.day)
    with scratch() as connection:
        for table in TABLES:
            engine.view(connection, table, shelf.table(manifest, table))
        members = {(row["group_id"], row["user_id"]) for row in rows(connection, "memberships")}
    assert vanishing.struck == 1
    assert members == set(truth.memberships)
    assert manifest.rows["raw_groups"] - len(truth.groups) in {0, 1}


def test_a_user_who_changes_pages_meanwhile_is_read_once(bench: Bench) -> None:
    bench.take(RowMoves(match="/api/v1/users"), SmallPages(match="/api/v1/users", limit=5))
    bench.assert_true()


def test_a_full_page_without_links_is_no_end(tmp_path: Path, key: Path) -> None:
    org = Org.create(users=420, groups=3, memberships=20)
    with a_bench(org, tmp_path, key) as found:
        found.take(LostLinks(match=USERS))
        found.assert_true()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=600k,mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_the_last_good_snapshot(small_disk: Path, key: Path) -> None:
    org = Org.create(users=40, groups=5, memberships=60)
    with a_bench(org, small_disk, key) as found:
        found.take()
        before = found.committed()
        filler = small_disk / "somebody else's"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        error = failure(found.take)
        assert type(error) is errors.StorageTrouble
        assert "the disk is full" in error.message
        assert error.transient
        assert found.committed() == before
        filler.unlink()
        found.take()
        found.assert_true()


# -- pacing from end to end -------------------------------------------------------------------

EPOCH = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


@dataclass
class Served:
    """A request as the simulator saw it, at a moment of virtual time."""

    at: float
    bucket: str
    status: int


@dataclass
class Virtual:
    """The reader and the simulator in one event loop, in which minutes pass at once."""

    simulator: Simulator
    served: list[Served] = field(default_factory=list)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The simulator, watched."""
        at = asyncio.get_running_loop().time()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                bucket = "groups" if "/groups" in scope["path"] else "users"
                self.served.append(Served(at, bucket, message["status"]))
            await send(message)

        await self.simulator(scope, receive, watched)

    @asynccontextmanager
    async def connect(self, origin: str, auth: Auth, protocol: Protocol) -> AsyncIterator[Api]:
        """Connections without a network."""
        transport = httpx.ASGITransport(self.app)
        api = Api(origin, Sender(transport, auth), protocol)
        api.clock = Clock(asyncio.get_running_loop().time, asyncio.sleep)
        yield api


@pytest.fixture
def virtual(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, organization: Callable[..., Organization]
) -> Callable[..., tuple[Virtual, SnapshotManifest, list[Progress]]]:
    """Takes a snapshot of an org with limits, in virtual time."""

    def now() -> float:
        try:
            return EPOCH + asyncio.get_running_loop().time()
        except RuntimeError:
            return time.time()

    def take(
        org: Org, limits: Limits, *faults: Fault
    ) -> tuple[Virtual, SnapshotManifest, list[Progress]]:
        url = "http://127.0.0.1:9"
        simulator = Simulator(org, limits=limits, latency=0.1)
        simulator.url = url
        org.serve_at(url)
        simulator.faults[:] = faults
        virtual, heard = Virtual(simulator), list[Progress]()
        monkeypatch.setattr(simulator_clock, "time", SimpleNamespace(time=now))
        monkeypatch.setattr(okta, "connect", virtual.connect)
        monkeypatch.setattr(asyncio, "run", virtual_time.run)
        return virtual, snapshot(organization(url), lake, 1, heard.append), heard

    return take


@pytest.mark.slow
def test_nine_tenths_of_an_enforced_limit_are_used_while_work_is_left_and_no_429(
    virtual: Callable[..., tuple[Virtual, SnapshotManifest, list[Progress]]], lake: Lake
) -> None:
    org = Org.create(users=330, groups=300, memberships=1000)
    pages = SmallPages(match="/api/v1/users", limit=1)
    watched, manifest, _ = virtual(org, Limits(users=100, groups=83), pages)
    assert {served.status for served in watched.served} == {200}
    for bucket, limit in (("users", 100), ("groups", 83)):
        times = [served.at for served in watched.served if served.bucket == bucket]
        minutes = (times[-1] - times[0]) / 60
        assert minutes > 2.5
        assert len(times) >= 0.9 * limit * minutes, bucket
        for start in times:
            assert sum(start <= at < start + 60 for at in times) <= limit / 0.9 + 1
    assert manifest.cost.retries == 0
    assert_true(lake, manifest, org)


def test_a_budget_that_others_have_eaten_is_waited_for_and_told(
    virtual: Callable[..., tuple[Virtual, SnapshotManifest, list[Progress]]], lake: Lake
) -> None:
    org = Org.create(users=100, groups=60, memberships=400)
    limits = Limits(users=300, groups=60, others=55)
    watched, manifest, heard = virtual(org, limits)
    assert_true(lake, manifest, org)
    notes = [progress.note for progress in heard if progress.note]
    assert notes
    assert any("for the rate limit; about" in note and "min to go" in note for note in notes)
    assert manifest.cost.waits == len(notes)
    duration = watched.served[-1].at - watched.served[0].at
    assert 1 <= manifest.cost.waited <= duration
    assert manifest.cost.headroom is not None
    assert manifest.cost.headroom < 0.1
    assert sum(served.status == 429 for served in watched.served) <= duration / 60


def test_too_many_at_once_makes_fewer_at_once(
    virtual: Callable[..., tuple[Virtual, SnapshotManifest, list[Progress]]], lake: Lake
) -> None:
    org = Org.create(users=60, groups=60, memberships=400)
    crowded = Limits(users=100_000, groups=100_000, concurrent=2)
    slow = Delay(match=MEMBERS, seconds=2.0, times=None)
    watched, manifest, _ = virtual(org, crowded, slow)
    assert_true(lake, manifest, org)
    refused = [served.status == 429 for served in watched.served]
    assert sum(refused) == manifest.cost.retries
    first, then = refused[: len(refused) // 2], refused[len(refused) // 2 :]
    assert sum(first) >= 4  # of the eight that went out together
    assert sum(then) <= 2  # when one more is tried
