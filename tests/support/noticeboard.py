"""A place on loopback that messages are sent to, and what is known of days, without syncing any."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from opensense_okta.directories.checks import CheckResult
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import JUDGEMENT, Judgement
from opensense_okta.publishing.published import Publications, Published
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest, Source
from opensense_okta.storage.files import atomic_write, make_private_dir
from opensense_okta.storage.lake import Lake

DAY = date(2026, 11, 23)
SECRET = "s3cr3t-hook"


@dataclass
class Noticeboard:
    """What has been sent here.

    Attributes:
        port: where it listens.
        posts: what apprise sent, oldest first.
        paths: where to, which is secret.
        status: what it answers.
        open: set while it answers.
    """

    port: int = 0
    posts: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The apprise URL, a secret."""
        return f"json://127.0.0.1:{self.port}/{SECRET}/"

    @property
    def subjects(self) -> list[str]:
        """What has arrived, oldest first."""
        return [post["title"] for post in self.posts]

    def news(self) -> list[str]:
        """The subjects of what came since the last question."""
        subjects = self.subjects
        self.posts.clear()
        return subjects


@contextmanager
def a_noticeboard() -> Iterator[Noticeboard]:
    """A place that listens until the end of the block; it answers nothing while it is not open."""
    board = Noticeboard()
    board.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            board.open.wait()
            board.paths.append(self.path)
            if board.status == 200:
                board.posts.append(json.loads(text))
            self.send_response(board.status)
            if board.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  # http.server's name

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        board.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield board
        finally:
            board.open.set()
            server.shutdown()
            thread.join()


def put_out(
    lake: Lake, day: date, *, okta_of: date | None = None, since: datetime | None = None
) -> None:
    """A day has been published."""
    source = Source(day=okta_of or day, id="s", as_of=okta_of or day, stale=False)
    resolved = ResolvedManifest(
        id=f"tables-{day}",
        organization=lake.organization,
        day=day,
        sources={"okta": source},
        rules="r",
        ledger=None,
        rows={},
        evidence={},
    )
    make_private_dir(lake.scratch)
    if not lake.database.exists():
        lake.database.write_bytes(_empty_database())
    file = str(lake.database.stat().st_ino)
    one = Published(id=resolved.id, day=day, file=file, resolved=resolved, since=since)
    text = Publications(newest_first=(one,)).model_dump_json()
    atomic_write(lake.scratch / "published.json", text.encode())


@cache
def _empty_database() -> bytes:
    """A database without tables: nothing can be read in an empty file, so that each look tries again."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.duckdb"
        duckdb.connect(str(file)).close()
        return file.read_bytes()


def judgement(day: date = DAY, *, removed: int = 0, unproven: str = "") -> Judgement:
    """What was found of a day: so many people removed, and a check that did not pass."""
    verdict = Verdict(
        name="removed",
        passed=not removed,
        count=removed,
        message=f"{removed} of 1,000 active people are gone or inactive.",
    )
    check = CheckResult(
        directory="okta",
        name=unproven,
        passed=False,
        message="The pages do not prove themselves whole.",
    )
    return Judgement(
        day=day,
        resolved=f"tables-{day}",
        base=None,
        digest="d",
        difference=Difference(),
        unproven=(check,) if unproven else (),
        verdicts=(verdict,),
    )


def judged(lake: Lake, found: Judgement) -> None:
    """A day has been judged."""
    folder = make_private_dir(lake.resolved(found.day).folder)
    atomic_write(folder / JUDGEMENT, found.model_dump_json().encode())
