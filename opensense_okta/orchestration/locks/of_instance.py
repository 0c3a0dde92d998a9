"""Which locks exclude the runs of an organization from each other: those of the instance that shows them."""

from collections.abc import Iterator

import dagster as dg

from opensense_okta.config.environment import is_store
from opensense_okta.config.errors import UserError
from opensense_okta.directories.checks import CheckResult
from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.orchestration.locks.machine import refuse_another_machine
from opensense_okta.orchestration.locks.postgres import PostgresLocks
from opensense_okta.orchestration.locks.protocol import Locks
from opensense_okta.storage.lake import Lake


class InstanceOnOneMachine(UserError):
    """The lake can be reached from several machines, and the instance from one."""

    def __init__(self, lake: Lake) -> None:
        super().__init__(
            f"The lake is in the object store {lake.url()}, and Dagster's instance is in SQLite files of this"
            " machine: nothing would keep a run on another machine from working at the same time.",
            impact="Nothing was read or written; the published directory is as it was.",
            remedy="keep the instance in PostgreSQL (`storage: postgres` in dagster.yaml, as in"
            " deploy/celery/dagster.yaml), or the lake in a folder.",
        )


def locks_of(instance: dg.DagsterInstance, lake: Lake) -> Locks:
    """The locks of a lake's organization.

    Args:
        instance: Dagster's instance. If it is in PostgreSQL, several machines may share it.
        lake: of the organization.

    Raises:
        InstanceOnOneMachine: the lake is in an object store, and the instance is not in PostgreSQL.
    """
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is not None:
        return PostgresLocks(instance, url, lake.organization)
    if is_store(lake.root):
        raise InstanceOnOneMachine(lake)
    return FileLocks(lake.locks)


def examine_locks(instance: dg.DagsterInstance, lake: Lake) -> Iterator[CheckResult]:
    """What `doctor` finds of the locks; nothing where they are files of the only machine."""
    try:
        locks = locks_of(instance, lake)
        if isinstance(locks, FileLocks):
            refuse_another_machine(locks.organization_file)
            return
        with locks.idle():
            pass
    except UserError as error:
        message = f"{error.message} {error.impact}"
        yield CheckResult.make("locks", "error", message, f"What to do: {error.remedy}")
    else:
        message = "the locks of runs are in PostgreSQL, where every machine sees them."
        yield CheckResult.make("locks", "passed", message)
