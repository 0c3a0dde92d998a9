"""Asks the pages below `/directory/` as a browser does, without a server."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import dagster as dg
import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from opensense_okta.web.pages.app import build_pages
from opensense_okta.web.pages.site import Site
from opensense_okta.web.visitor import Visitor
from tests.support.csv_snapshots import account, store
from tests.support.lakes import once

FILE = """\
timezone: UTC
first_day: 2026-11-01
directories:
  hr: {kind: csv, users: /srv/hr.csv}
  shop: {kind: csv, users: /srv/shop.csv}
"""
VOID = {"meta", "link", "input", "br"}
INLINE = {"a", "bdi", "span", "strong", "time"}


async def refuse(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Dagster's web application where no test may reach it."""
    raise AssertionError("Dagster was asked")


@dataclass
class Pages:
    """The pages, the folder of organization files, the root of the lakes, and who asks."""

    app: ASGIApp
    organizations: Path
    root: Path
    instance: dg.DagsterInstance
    visitor: Visitor | None = None

    @property
    def lake(self) -> Lake:
        """acme's."""
        return Lake(self.root, "acme")

    def get(self, path: str, **request: object) -> httpx.Response:
        """Asks one page; the path is as below `/directory`."""
        return self.ask("GET", path, **request)

    def ask(self, method: str, path: str, **request: object) -> httpx.Response:
        """Sends one request."""

        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._with_visitor)
            async with httpx.AsyncClient(transport=transport, base_url="http://ui") as client:
                return await client.request(method, path, **request)  # type: ignore[arg-type]  # of each case

        return asyncio.run(answer())

    async def _with_visitor(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "user": self.visitor}, receive, send)


@contextmanager
def pages(
    folder: Path,
    files: Mapping[str, str] | None = None,
    *,
    instance: dg.DagsterInstance | None = None,
    dagster: ASGIApp = refuse,
) -> Iterator[Pages]:
    """The pages of a new home with these organization files; acme, unless they are given.

    Args:
        folder: a new one.
        files: the organization files by name.
        instance: Dagster's; a new one in memory, unless it is given.
        dagster: Dagster's web application.
    """
    organizations, root = folder / "organizations", folder / "data"
    organizations.mkdir(parents=True)
    for name, text in (files if files is not None else {"acme": FILE}).items():
        (organizations / f"{name}.yaml").write_text(text)
    environment = {
        "DAGSTER_HOME": str(folder),
        "OPENSENSE_ORGANIZATIONS": str(organizations),
        "OPENSENSE_DATA": str(root),
    }
    with mock.patch.dict("os.environ", environment), dg.DagsterInstance.ephemeral() as in_memory:
        used = instance or in_memory
        yield Pages(build_pages(Site(used, dagster)), organizations, root, used)


@dataclass
class Shown(HTMLParser):
    """A page as its reader gets it: words and links. Every element is closed.

    Attributes:
        words: the text of its body.
        links: the addresses that it leads to.
        elements: the names of all elements.
        fields: the values of the fields of its form, by name.
    """

    html: str
    words: str = ""
    links: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        assert self._open == []
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.words += "" if tag in INLINE else " "
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
        if tag == "input":
            given = dict(attrs)
            self.fields[given["name"] or ""] = given["value"] or ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.words += "" if tag in INLINE else " "
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "title" not in self._open:
            self.words += data


def resolve_day(lake: Lake, day: date, people: Mapping[str, Mapping[str, str]]) -> Organization:
    """Stores HR's people of a day, and resolves them."""
    acme = organization()
    store(lake, "hr", day, [account(name, values) for name, values in people.items()])
    store(lake, "shop", day, [])
    resolve(acme, day, lake)
    return acme


def publish_day(lake: Lake, day: date, people: Mapping[str, Mapping[str, str]]) -> None:
    """Publishes a day with these people in HR."""

    def published() -> None:
        publish(resolve_day(lake, day, people), lake, day)

    once(lake, ("publish", day, repr(people)), published)


def hold_day(lake: Lake, day: date, people: Mapping[str, Mapping[str, str]]) -> Organization:
    """Resolves and judges a day with these people in HR."""

    def judged() -> Organization:
        acme = resolve_day(lake, day, people)
        judge_day(acme, lake, resolved_day(lake, day))
        return acme

    return once(lake, ("hold", day, repr(people)), judged)


def organization() -> Organization:
    """acme, as its file describes it."""
    return load_organization(Path(os.environ["OPENSENSE_ORGANIZATIONS"]) / "acme.yaml")
