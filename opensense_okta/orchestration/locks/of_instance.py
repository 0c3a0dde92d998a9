"""Which locks exclude the runs of an organization from each other: those of the instance that shows them."""

import dagster as dg

from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.orchestration.locks.postgres import PostgresLocks
from opensense_okta.orchestration.locks.protocol import Locks
from opensense_okta.storage.lake import Lake


def locks_of(instance: dg.DagsterInstance, lake: Lake) -> Locks:
    """The locks of a lake's organization.

    Args:
        instance: Dagster's instance. If it is in PostgreSQL, several machines may share it.
        lake: of the organization.
    """
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is not None:
        return PostgresLocks(instance, url, lake.organization)
    return FileLocks(lake.locks)
