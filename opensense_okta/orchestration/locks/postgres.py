"""Advisory locks of PostgreSQL, for an instance that several machines share.

They belong to a connection of their own, which PostgreSQL ends with its process, wherever that runs. Its
name is the run's id, so a waiting run can name the holder. A session needs a direct connection, or a pooler
in session mode.

A restart of PostgreSQL frees all locks while their runs go on. A thread of the run's process takes them
again, and ends the run if another one was faster. So a run in progress without its lock is an orphan only
after some time. If a run goes on all the same, it cannot overwrite what the other one has stored: it writes
over the versions that it saw when it began.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

import dagster as dg
from sqlalchemy import NullPool, TextClause, create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from opensense_okta.config.errors import UserError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.locks.machine import this_machine
from opensense_okta.orchestration.locks.protocol import REMIND, describe_wait

POLL: Final = timedelta(seconds=0.5)  # how often a waiting run tries to get the lock
KEEP: Final = timedelta(seconds=10)  # how often a run makes sure that it has its locks

NO_RUN: Final = "opensense-okta"
"""The name of a connection for work that is no run."""

LOST: Final = (
    "PostgreSQL ended the connection with this run's locks, and another process of the organization has them"
    " now. This run is ended; what it has read is continued."
)

ANYTHING: Final = text("SELECT 1")
TAKE: Final = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
HOLDER: Final = text(
    """
    SELECT application_name
    FROM pg_locks
    JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = hashtextextended(:key, 0)
    """
)

KEEPALIVES: Final = {"idle": 15, "interval": 5, "count": 3}
"""PostgreSQL frees the locks of a machine that has vanished after so many seconds; its default is hours."""


class LocksOutOfReach(UserError):
    """PostgreSQL does not answer, so the run cannot have its locks."""

    TRANSIENT = True

    def __init__(self, error: Exception) -> None:
        # The text of the error may have the address and the user.
        super().__init__(
            f"PostgreSQL, where the locks of runs are, cannot be used ({type(error).__name__}).",
            impact="Nothing was read or written; the published directory is as it was.",
            remedy="start PostgreSQL; Dagster's own log has the reason.",
        )


def end_this_run() -> None:
    """Interrupts the main thread, which executes the run."""
    ident = threading.main_thread().ident
    if ident is not None:
        signal.pthread_kill(ident, signal.SIGINT)


@dataclass(frozen=True)
class PostgresLocks:
    """The locks of one organization, in the database of Dagster's instance.

    Attributes:
        instance: Dagster's instance; a run is tagged there once it holds its lock.
        url: the database.
        organization: whose locks these are.
        patience: how long a run must be without its lock until it is an orphan: longer than a run needs to
            take its locks again.
        keep: how often a run makes sure that it has its locks.
        end: ends the run of this process.
    """

    instance: dg.DagsterInstance
    url: str
    organization: str
    patience: timedelta = timedelta(seconds=30)
    keep: timedelta = KEEP
    end: Callable[[], None] = end_this_run

    @contextmanager
    def of_run(
        self, run_id: str, *, report: Callable[[str], None], remind: timedelta = REMIND
    ) -> Iterator[None]:
        """Holds the run's and the organization's lock; see the protocol."""
        with self._session(run_id) as session:
            self._wait(session, _of_run(run_id), report, remind)
            self.instance.add_run_tags(run_id, {names.WORKER: _worker(run_id)})
            self._wait(session, self._own, report, remind)
            with self._kept(session, run_id, report):
                yield

    @contextmanager
    def without_a_run(self, *, report: Callable[[str], None]) -> Iterator[None]:
        """Holds the organization's lock for work that is no run."""
        with self._session(NO_RUN) as session:
            self._wait(session, self._own, report, REMIND)
            yield

    @contextmanager
    def idle(self) -> Iterator[bool]:
        """Holds the organization's lock if no run does, and yields whether it does; never waits."""
        with self._session(NO_RUN) as session:
            yield session.take(self._own)

    def ending_orphans(self) -> nullcontext[bool]:
        """Yields true: nobody is disturbed."""
        return nullcontext(True)

    def abandoned(self, in_progress: Callable[[], Sequence[dg.DagsterRun]]) -> list[str]:
        """The ids of the runs in progress that held their lock once, and that no connection holds now.

        A run that is re-executed inherits the tag of the original, which names the original.
        """
        run_ids = [
            run.run_id
            for run in in_progress()
            if run.tags.get(names.WORKER, "").endswith(run.run_id)
        ]
        if not run_ids:
            return []
        with self._session(NO_RUN) as session:
            return [run_id for run_id in run_ids if not session.holder(_of_run(run_id))]

    def forget(self, run_ids: Sequence[str]) -> None:
        """Does nothing: a killed run leaves nothing."""

    @property
    def _own(self) -> str:
        return f"opensense/organization/{self.organization}"

    @contextmanager
    def _session(self, name: str) -> Iterator["Session"]:
        session = Session(_engine(self.url, name))
        try:
            session.connect()
            yield session
        finally:
            session.close()

    def _wait(
        self, session: "Session", key: str, report: Callable[[str], None], remind: timedelta
    ) -> None:
        """Takes a lock; waits as long as another connection has it."""
        reported = -remind.total_seconds()
        pause = threading.Event()
        while not session.take(key):
            if monotonic() - reported >= remind.total_seconds():
                reported = monotonic()
                holder = session.holder(key)
                report(describe_wait("" if holder == NO_RUN else holder))
            pause.wait(POLL.total_seconds())

    @contextmanager
    def _kept(
        self, session: "Session", run_id: str, report: Callable[[str], None]
    ) -> Iterator[None]:
        """Makes sure that the run has its locks, as long as it works."""
        ended = threading.Event()
        keys = (_of_run(run_id), self._own)

        def keep() -> None:
            while not ended.wait(self.keep.total_seconds()):
                if not session.keeps(keys) and not ended.is_set():
                    self._lose(run_id, report)
                    return

        keeper = threading.Thread(target=keep, name="locks", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()

    def _lose(self, run_id: str, report: Callable[[str], None]) -> None:
        tag = names.tag_of(names.FAILURE, self.organization)
        try:
            report(LOST)
            self.instance.add_run_tags(run_id, dict.fromkeys((names.FAILURE, tag), names.TRANSIENT))
        finally:
            self.end()


class Session:
    """A connection with locks, which is made again when it breaks.

    Whatever it asks of PostgreSQL, it raises `LocksOutOfReach` if there is no answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def connect(self) -> None:
        """Connects."""
        with _typed_errors():
            self._connection = self._engine.connect()
            for name, seconds in KEEPALIVES.items():
                self._connection.execute(text(f"SET tcp_keepalives_{name} = {seconds}"))

    def close(self) -> None:
        """Ends the connection, and so gives all locks back."""
        if self._connection is not None:
            self._connection.invalidate()  # closes it, also one that PostgreSQL has ended
            self._connection.close()
        self._engine.dispose()

    def take(self, key: str) -> bool:
        """Takes a lock, unless another connection has it."""
        return bool(self._scalar(TAKE, key=key))

    def holder(self, key: str) -> str:
        """The name of the connection that has a lock; empty: none has."""
        return str(self._scalar(HOLDER, key=key) or "")

    def keeps(self, keys: Sequence[str]) -> bool:
        """Whether the connection has its locks; a broken one is made again with all of them.

        As long as PostgreSQL cannot be reached, nobody else gets them.
        """
        try:
            if self._connection is not None:
                self._scalar(ANYTHING)
                return True
            self.connect()
            return all(self.take(key) for key in keys)
        except LocksOutOfReach:
            self._forget_connection()
            return True

    def _forget_connection(self) -> None:
        broken, self._connection = self._connection, None
        if broken is not None:
            broken.invalidate()
            broken.close()

    def _scalar(self, query: TextClause, **parameters: str) -> object:
        if self._connection is None:
            raise RuntimeError("there is no connection")
        with _typed_errors():
            return self._connection.execute(query, parameters).scalar()


@contextmanager
def _typed_errors() -> Iterator[None]:
    """PostgreSQL may end a connection in the middle of a query, too."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LocksOutOfReach(error) from None


def _engine(url: str, name: str) -> Engine:
    return create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "application_name": name,
            "connect_timeout": 10,
            "keepalives": 1,
            **{f"keepalives_{name}": value for name, value in KEEPALIVES.items()},
        },
    )


def _of_run(run_id: str) -> str:
    return f"opensense/run/{run_id}"


def _worker(run_id: str) -> str:
    return f"{this_machine().name}/{os.getpid()}/{run_id}"
