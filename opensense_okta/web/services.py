"""The services that `opensense-okta ui` starts and ends: the guarded web server, and Dagster's daemon.

Each service is a session of its own with everything that it starts, such as code servers and runs. So Ctrl-C
reaches the command alone, which ends the services in order, and nothing is left.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from opensense_okta.config.errors import UserError

LOCK: Final = "ui.lock"
TO_CLEAN_UP: Final = timedelta(seconds=4)
TO_END: Final = timedelta(seconds=2)
TO_VANISH: Final = timedelta(seconds=1)
"""How long services may take to clean up, what they started to end, and what was killed to be gone.

Together they are well below ten seconds: on a busy machine, this process itself needs some, too.
"""

POLL: Final = 0.05  # seconds


class UiError(UserError):
    """The UI cannot be started, or one of its services ended."""


@dataclass(frozen=True)
class Address:
    """Where the UI listens, and the address under which browsers reach it.

    Attributes:
        host: a loopback address, unless there are users and TLS.
        port: 0 takes any free one.
        public_url: of a proxy in front of it; None: there is none.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    public_url: str | None = None


@dataclass(frozen=True)
class Service:
    """A running service, and its name in the log."""

    name: str
    process: subprocess.Popen[str]


def run_ui(
    home: Path,
    address: Address,
    workspace: Path,
    log: Callable[[str], None],
    *,
    read_only: bool = False,
    with_daemon: bool = True,
) -> None:
    """Runs the UI until the process is interrupted or terminated, or its terminal is closed.

    Args:
        home: `DAGSTER_HOME`.
        address: where it listens.
        workspace: Dagster's workspace file.
        log: receives each line of the services.
        read_only: whether the web server refuses every change. The daemon starts runs all the same.
        with_daemon: whether the daemon runs, too; one daemon runs on a home.

    Raises:
        UiError: the port is taken, another `ui` has the home, or a service ended.
    """
    asked = _requests_to_end()
    with ExitStack() as stack:
        if with_daemon:
            stack.enter_context(_only_daemon(home))
        listening = stack.enter_context(_listening(address))
        services: list[Service] = []
        stack.callback(_end, services)
        ending = stack.enter_context(_announced_end(log))

        def show(line: str) -> None:
            if not ending.is_set():  # what services write while they are ended is of no use
                log(line)

        opened, to_close = os.pipe()
        stack.callback(os.close, opened)
        web_server = [
            "opensense_okta.web.webserver",
            *("--socket", str(listening.fileno()), "--opened", str(to_close)),
            *("--host", address.host, "--workspace", str(workspace)),
            *(["--public-url", address.public_url] if address.public_url else []),
            *(["--read-only"] if read_only else []),
        ]
        services.append(_start("web", web_server, home, show, (listening.fileno(), to_close)))
        os.close(to_close)
        # The web server makes Dagster's tables in a new home: services that do so at the same time fail.
        _watch(services, lambda: bool(asked or _is_closed(opened)))
        if with_daemon and not asked:
            daemon = ["dagster._daemon", "run", "--workspace", str(workspace)]
            services.append(_start("daemon", daemon, home, show))
        _watch(services, lambda: bool(asked))


def _requests_to_end() -> list[int]:
    """The signals that ask the process to end; each is added when it comes.

    An exception instead could come while a service is started, or while they are ended, and leave some.
    """
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a command of `nohup`
            signal.signal(number, lambda received, _frame: asked.append(received))
    return asked


def _is_closed(pipe: int) -> bool:
    """Whether no process has the other end of a pipe any more."""
    return bool(select.select([pipe], [], [], 0)[0])


def _watch(services: Sequence[Service], is_enough: Callable[[], bool]) -> None:
    """Waits until it is enough.

    Raises:
        UiError: a service ended by itself.
    """
    while not is_enough():
        for service in services:
            if service.process.poll() is not None:
                raise UiError(
                    f"The service {service.name} ended with status {service.process.returncode}, so the UI"
                    " is ended.",
                    impact="No schedule starts a sync until the UI runs again.",
                    remedy="read its last lines above, and start `opensense-okta ui` again.",
                    transient=True,
                )
        time.sleep(POLL)


@contextmanager
def _only_daemon(home: Path) -> Iterator[None]:
    """Holds the lock of the home's daemon: two daemons would start every run twice."""
    lock = FileLock(home / LOCK, mode=0o600, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UiError(
            f"Another `opensense-okta ui` runs on {home}.",
            remedy="use that one, end it first, or start this one with `--no-daemon` and another `--port`.",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    """The bound socket. Nothing is started before it is known that the port is free."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listening = socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise UiError(
            f"The UI cannot listen on {address.host}, port {address.port}: {error.strerror}.",
            remedy="end the program that listens there, or choose another port with `--port`.",
        ) from None
    with listening:
        yield listening


def _environment(home: Path) -> dict[str, str]:
    """The environment of the services: also where `DAGSTER_HOME` is not set, they use this home."""
    return {**os.environ, "DAGSTER_HOME": str(home)}


def _start(
    name: str,
    module: Sequence[str],
    home: Path,
    log: Callable[[str], None],
    inherits: Sequence[int] = (),
) -> Service:
    """Runs a Python module as a service; its lines go to the log."""
    process = subprocess.Popen(  # noqa: S603 - own modules
        [sys.executable, "-u", "-m", "opensense_okta.web.child", *module],
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=inherits,
    )
    threading.Thread(target=_copy_lines, args=(name, process, log), daemon=True).start()
    return Service(name, process)


def _copy_lines(name: str, process: subprocess.Popen[str], log: Callable[[str], None]) -> None:
    for line in process.stdout or ():
        with suppress(OSError):  # the terminal is closed; the service must not wait for a reader
            log(f"{name:6} | {line.rstrip()}")


@contextmanager
def _announced_end(log: Callable[[str], None]) -> Iterator[threading.Event]:
    """An event that is set when the services are about to be ended."""
    ending = threading.Event()
    try:
        yield ending
    finally:
        ending.set()
        with suppress(OSError):
            log("Ending the services. A sync that is at work is retried after the next start.")


def _end(services: Sequence[Service]) -> None:
    """Ends the sessions of all services: first their leaders, which clean up, then what is left."""
    for service in services:
        service.process.terminate()
    _wait(services, TO_CLEAN_UP)
    for number, within in ((signal.SIGTERM, TO_END), (signal.SIGKILL, TO_VANISH)):
        for service in services:
            with suppress(ProcessLookupError):
                os.killpg(service.process.pid, number)
        _wait(services, within)


def _wait(services: Sequence[Service], within: timedelta) -> None:
    """Waits until no process of the sessions is left, but not longer than this."""
    end = time.monotonic() + within.total_seconds()
    while any(map(_is_left, services)) and time.monotonic() < end:
        time.sleep(POLL)


def _is_left(service: Service) -> bool:
    service.process.poll()  # else a leader that has ended stays in the table of processes
    try:
        os.killpg(service.process.pid, 0)
    except ProcessLookupError:
        return False
    return True
