"""The machine that uses a folder of locks.

Locks in files hold between processes of one machine. On a network file system two machines can hold one at
the same time, so the first machine's name is recorded and another one's run is refused.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opensense_okta.config.errors import UserError

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class AnotherMachinesFolder(UserError):
    """The folder of locks is used by the runs of another machine."""

    def __init__(self, lock: Path, owner: str) -> None:
        super().__init__(
            f"The runs of the machine {owner} use {lock.parent}, and this is {this_machine().name}: locks in"
            " files do not reliably exclude the runs of another machine.",
            impact="Nothing was read or written; the published directory is as it was.",
            remedy="run Dagster on one of the two machines only, or keep its instance in PostgreSQL"
            f" (docs/deployment.md). If the folder has moved to this machine, and none of its processes runs"
            f" on {owner}: rm {lock}",
        )


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        name: its host name.
        boot: a random id of the time since it was started, which its containers share; empty where the
            system has none.
    """

    name: str
    boot: str

    def is_same(self, other: "Machine") -> bool:
        """Whether both are one machine: a name outlives a restart, and containers have names of their own."""
        return self.name == other.name or bool(self.boot and self.boot == other.boot)


def this_machine() -> Machine:
    """The machine of this process."""
    boot = ""
    with suppress(OSError):  # there is none on macOS
        boot = BOOT_ID.read_text().strip()
    return Machine(socket.gethostname(), boot)


def refuse_another_machine(lock: Path) -> None:
    """Refuses a lock that another machine held last.

    Args:
        lock: the lock's file; its second and third line are `record()` of the last holder's machine. It may
            be missing, or, written by version 0.1, have no such lines.

    Raises:
        AnotherMachinesFolder: another machine is recorded.
    """
    try:
        _, *recorded = lock.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return
    if len(recorded) == 2 and not this_machine().is_same(Machine(*recorded)):
        raise AnotherMachinesFolder(lock, recorded[0])


def record() -> str:
    """This machine in two lines."""
    here = this_machine()
    return f"{here.name}\n{here.boot}\n"
