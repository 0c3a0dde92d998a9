"""Several machines on this one: Dagster's daemon and Celery workers as `deploy/celery` has them."""

import configparser
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import dagster as dg

from tests.support.dagster_servers import until
from tests.support.home import REPOSITORY
from tests.support.place import COMMANDS

DEPLOY = REPOSITORY / "deploy" / "celery"

DEFINITIONS = """\
'''The definitions of the product, whose sensor is evaluated every second.'''

from datetime import timedelta

from opensense_okta import definitions
from opensense_okta.orchestration import attempts, retries

retries.INTERVAL = 1
attempts.DELAYS = (timedelta(0),) * len(attempts.DELAYS)
defs = definitions.defs()
"""


def command_of(unit: str) -> list[str]:
    """The command of a systemd unit, with the programs of this environment."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # keys keep their case
    parser.read(DEPLOY / f"{unit}.service")
    program, *arguments = shlex.split(parser["Service"]["ExecStart"])
    return [str(COMMANDS / Path(program).name), *arguments]


@dataclass
class Worker:
    """A machine with a Celery worker, and a scratch folder of its own."""

    name: str
    process: subprocess.Popen[bytes]
    scratch: Path
    log: Path

    @property
    def is_ready(self) -> bool:
        return f"{self.name}@" in self.log.read_text() and " ready." in self.log.read_text()

    def kill(self) -> None:
        """Loses the machine: every process of it, and its scratch folder."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.scratch)


@dataclass(frozen=True)
class Cluster:
    """What all machines have in common."""

    root: Path
    environment: Mapping[str, str]

    @property
    def organizations(self) -> Path:
        """The folder of organization files."""
        return self.root / "home" / "organizations"

    @classmethod
    def make(cls, root: Path, **environment: str) -> "Cluster":
        """Makes a DAGSTER_HOME with the settings of `deploy/celery`."""
        (root / "home" / "organizations").mkdir(parents=True)
        shutil.copy(DEPLOY / "dagster.yaml", root / "home")
        (root / "quick.py").write_text(DEFINITIONS)
        unset = ("OPENSENSE_DATA", "OPENSENSE_ORGANIZATIONS", "PYTHONDONTWRITEBYTECODE")
        return cls(
            root,
            {
                **{name: value for name, value in os.environ.items() if name not in unset},
                "DAGSTER_HOME": str(root / "home"),
                "PYTHONPATH": os.pathsep.join((str(DEPLOY), str(root))),
                **environment,
            },
        )

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance that all machines share."""
        with mock.patch.dict(os.environ, self.environment), dg.DagsterInstance.get() as instance:
            yield instance

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the product to its end, on a machine without secrets."""
        return subprocess.run(
            [str(COMMANDS / "opensense-okta"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            cwd=self.root,
        )

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """The code server with the definitions, and Dagster's daemon, as their units start them."""
        socket, workspace = self.root / "code", self.root / "workspace.yaml"
        text = (DEPLOY / "workspace.yaml").read_text()
        workspace.write_text(text.replace("/run/opensense/code", str(socket)))
        code = command_of("opensense-code")
        code[code.index("--socket") + 1] = str(socket)
        code[code.index("-m") + 1] = "quick"
        daemon = command_of("opensense-daemon")
        daemon[daemon.index("-w") + 1] = str(workspace)
        with (
            _running(code, self.environment, self.root, self.root / "code.log"),
            _running(daemon, self.environment, self.root, self.root / "daemon.log"),
        ):
            yield

    @contextmanager
    def worker(self, name: str, **secrets: str) -> Iterator[Worker]:
        """A worker, as its unit starts it."""
        scratch = self.root / f"scratch of {name}"
        scratch.mkdir()
        command = command_of("opensense-worker")
        command[command.index("--hostname") + 1] = f"{name}@%h"
        environment = {**self.environment, **secrets, "OPENSENSE_SCRATCH": str(scratch)}
        log = self.root / f"{name}.log"
        with _running(command, environment, self.root, log) as process:
            worker = Worker(name, process, scratch, log)
            yield worker

    def wait_for(self, *workers: Worker) -> None:
        """Waits until workers take runs."""
        until(lambda: all(worker.is_ready for worker in workers), seconds=120)


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process and its children in a group of their own, which is killed at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
