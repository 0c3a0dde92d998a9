"""An Okta organization that is read day after day, and what its snapshots hold."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import msgspec
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories.protocol import Listener, no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Answer, Fault
from opensense_okta.simulator.messages import Call, Reply
from opensense_okta.simulator.okta.faults import FaultContext
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from tests.directories.okta.test_recordings import group_row, user_row, without_capture
from tests.support.reads import Row, rows
from tests.support.scratch import scratch

DAY = date(2026, 11, 23)
NOON = time(12)
UNHURRIED = Limits(users=1_000_000, groups=1_000_000)
GROUPS = r"GET /api/v1/groups\?"
MEMBERS = "/api/v1/groups/"


@dataclass(frozen=True)
class Tables:
    """Raw tables as plain rows, without the time of their capture."""

    users: list[Row]
    groups: list[Row]
    memberships: list[tuple[str, str]]

    def members(self, group: str) -> list[str]:
        """The ids of a group's members."""
        return [user for of, user in self.memberships if of == group]


def truth(org: Org) -> Tables:
    """What a whole snapshot of the org holds."""
    now = org.truth()
    counted = Counter(group for group, _ in now.memberships)
    return Tables(
        [user_row(user) for user in now.users],
        [{**group_row(group), "members_count": counted[group["id"]]} for group in now.groups],
        sorted(now.memberships),
    )


@dataclass
class Company:
    """acme and its Okta, with a lake; `settings` are the directory's."""

    okta: Simulator
    lake: Lake
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def org(self) -> Org:
        """What its Okta holds."""
        return self.okta.org

    def organization(self, **settings: object) -> Organization:
        """acme's file, with these settings for its directory."""
        directory = {
            "kind": "okta",
            "endpoint": self.okta.url,
            "api_token": {"env": "ACME_TOKEN"},
            "rate_limit_share": 1.0,
            **self.settings,
            **settings,
        }
        return Organization.model_validate(
            {
                "name": "acme",
                "timezone": "UTC",
                "first_day": DAY - timedelta(days=30),
                "directories": {"okta": directory},
            }
        )

    def take(
        self,
        day: date = DAY,
        *,
        at: time | datetime = NOON,
        chain: str = "",
        begun: datetime | None = None,
        everything: bool = False,
        listener: Listener = no_progress,
        **settings: Any,  # noqa: ANN401 - as the file has them
    ) -> SnapshotManifest:
        """Takes a day's snapshot, at a time of that day or at any moment, by a sync begun then or before."""
        self.okta.requests.clear()
        moment = at if isinstance(at, datetime) else datetime.combine(day, at, UTC)
        with time_machine.travel(moment, tick=True):
            run = Run("run", chain or uuid4().hex, everything, begun)
            acme = self.organization(**settings)
            return take_snapshot(acme, "okta", day, self.lake, run, listener)

    def tables(self, manifest: SnapshotManifest) -> Tables:
        """What a snapshot holds."""
        shelf = self.lake.snapshot("okta", manifest.day)
        with scratch() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for table in ("raw_users", "raw_groups", "memberships"):
                path = str(shelf.table(manifest, table))
                connection.read_parquet(path).create_view(table)
            return Tables(
                without_capture(rows(connection, "raw_users")),
                without_capture(rows(connection, "raw_groups")),
                sorted((r["group_id"], r["user_id"]) for r in rows(connection, "memberships")),
            )

    @property
    def asked(self) -> list[str]:
        """What the last read asked for, in order."""
        return [served.target for served in self.okta.requests]

    @property
    def groups_read(self) -> set[str]:
        """The groups whose members the last read asked for."""
        return {target.split("/")[4] for target in self.asked if MEMBERS in target}

    @property
    def member_calls(self) -> int:
        """How many pages of members the last read asked for."""
        return sum(MEMBERS in target for target in self.asked)

    def open_groups(self, *, members: int = 1) -> list[str]:
        """The groups that Okta manages and that have at least so many members."""
        return [
            group
            for group in self.org.group_ids
            if self.org.groups[group]["type"] == "OKTA_GROUP"
            and len(self.org.members(group)) >= members
        ]

    def swap(self, group: str, *, at: str | None = None) -> None:
        """Puts another in one member's place; the stamp stays, unless one is given."""
        org = self.org
        members = org.members(group)
        outside = next(user for user in org.user_ids if user not in members)
        stamp = at or org.groups[group]["lastMembershipUpdated"]
        org.set_members(group, sorted([*members[1:], outside]), stamp)

    def files(self) -> set[str]:
        """The names of all files in the lake."""
        return {path.name for path in self.lake.scratch.rglob("*") if path.is_file()}


@contextmanager
def a_company(
    root: Path,
    org: Org,
    *,
    latency: float = 0.0,
    clock_skew: float = 0.0,
    limits: Limits = UNHURRIED,
    port: int = 0,
    **settings: Any,  # noqa: ANN401 - as the file has them
) -> Iterator[Company]:
    """acme, its Okta listening on loopback."""
    with (
        mock.patch.dict(os.environ, {"ACME_TOKEN": TOKEN}),
        running(
            Simulator(org, limits=limits, latency=latency, clock_skew=clock_skew), port=port
        ) as okta,
    ):
        yield Company(okta, Lake(root, "acme"), settings)


@dataclass(kw_only=True)
class Rewritten(Fault):
    """A listing whose rows are changed on their way, or dropped."""

    match: str = GROUPS
    times: int | None = None
    change: Callable[[Row], object] = lambda _row: None
    drop: Callable[[Row], bool] = lambda _row: False

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """What the caller gets."""
        del context
        reply = await answer(call)
        found = [row for row in msgspec.json.decode(reply.body) if not self.drop(row)]
        for row in found:
            self.change(row)
        return replace(reply, body=msgspec.json.encode(found))
