"""Which run this process executes, so that it loads the organizations of that run only.

Of 200 organizations a process loads for 9 s, of one for 3 s. Dagster says which run it is in several ways:
Kubernetes' launcher in the environment, `dagster api execute_run` in its arguments or the environment, and
the code server in the arguments of the process that it starts. A Celery worker announces it.
"""

import base64
import json
import multiprocessing
import os
import sys
import zlib
from collections.abc import Iterator
from typing import Final

import dagster as dg

from opensense_okta.orchestration import names

_JOB: Final = "DAGSTER_RUN_JOB_NAME"
_ARGUMENTS: Final = "DAGSTER_EXECUTE_RUN_ARGS"
_COMPRESSED: Final = "DAGSTER_COMPRESSED_EXECUTE_RUN_ARGS"

_announced: list[str] = []


def announce(run_id: str) -> None:
    """Says which run this process executes next."""
    _announced[:] = [run_id]


def organizations_of_run() -> frozenset[str] | None:
    """The organizations of the run that this process executes; None: it executes none, or it is not known."""
    if organization := names.organization_of_job(os.environ.get(_JOB, "")):
        return frozenset({organization})
    run_id = next(_run_ids(), None)
    if run_id is None:
        return None
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
    return _organizations_of(run) if run else None


def _organizations_of(run: dg.DagsterRun) -> frozenset[str] | None:
    if organization := names.organization_of_job(run.job_name):
        return frozenset({organization})
    checks = run.asset_check_selection or ()
    assets = [*(run.asset_selection or ()), *(check.asset_key for check in checks)]
    return frozenset(asset.path[0] for asset in assets) or None


def _run_ids() -> Iterator[str]:
    yield from _announced
    for arguments in _arguments():
        try:
            run_id = json.loads(arguments).get("run_id")
        except (ValueError, AttributeError):
            continue
        if isinstance(run_id, str):
            yield run_id


def _arguments() -> Iterator[str]:
    """What may be the arguments of a run, as JSON."""
    if "execute_run" in sys.argv:
        yield from sys.argv[sys.argv.index("execute_run") + 1 :]
        if given := os.environ.get(_ARGUMENTS):
            yield given
        if compressed := os.environ.get(_COMPRESSED):
            yield zlib.decompress(base64.b64decode(compressed)).decode()
    # What the code server's process of a run gets; the attribute is the standard library's own.
    yield from (
        value
        for value in getattr(multiprocessing.current_process(), "_args", ())
        if isinstance(value, str)
    )
