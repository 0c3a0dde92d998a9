"""A process that reads one directory into a snapshot, and may kill itself on the way."""

import subprocess
import sys
from datetime import date
from pathlib import Path

from opensense_okta.config.models import Organization

READ = """\
import os, signal, sys
from datetime import date
from opensense_okta.directories import read as reading
from opensense_okta.directories.protocol import no_progress
from opensense_okta.config.environment import set_private_umask
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import Partition
from opensense_okta.config.models import Organization
from pathlib import Path

settings, root, day, dies_at = sys.argv[1:]


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


set_private_umask()
if dies_at == "tables":
    stored = reading.engine.store
    reading.engine.store = lambda connection, name, path: (
        die() if name == "memberships" else stored(connection, name, path)
    )
if dies_at == "commit":
    Partition.commit = die
print("ready", flush=True)
acme = Organization.model_validate_json(settings)
(directory,) = acme.directories
run = reading.Run("killed", "killed")
lake = Lake(Path(root), "acme")
reading.take_snapshot(acme, directory, date.fromisoformat(day), lake, run, no_progress)
"""


def start_read(
    acme: Organization, root: Path, day: date, dies_at: str = ""
) -> subprocess.Popen[str]:
    """Starts the read of acme's only directory; it dies at `tables` or at `commit`, if that is given."""
    settings = acme.model_dump_json(exclude_none=True, by_alias=True)
    process = subprocess.Popen(
        [sys.executable, "-c", READ, settings, str(root), str(day), dies_at],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
