"""The resources of every run: the lake, the organization's lock, and a watcher of its progress."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Protocol

import dagster as dg
from pydantic import Field

from opensense_okta.config.environment import is_store
from opensense_okta.directories.protocol import Listener, Progress, format_progress
from opensense_okta.orchestration import names
from opensense_okta.orchestration.failures import failed_steps, refusals_before_steps
from opensense_okta.orchestration.locks.of_instance import locks_of
from opensense_okta.orchestration.locks.orphans import end_orphaned_runs
from opensense_okta.orchestration.locks.protocol import Locks
from opensense_okta.storage.lake import Lake

LOG_INTERVAL = 10.0  # seconds between two lines of progress in a run's log


class LakeResource(dg.ConfigurableResource[None]):
    """Where the data of all organizations is stored."""

    root: str = Field(
        description="The folder with a folder for each organization, or its URL in an object store."
    )

    def uris(self, organization: str) -> Callable[[str], str]:
        """Makes the URI of a name in the organization's lake; nothing need be stored there."""
        if is_store(self.root):
            return lambda name: f"{self.root.rstrip('/')}/{organization}/{name}"
        folder = Path(self.root).absolute() / organization
        return lambda name: (folder / name).as_uri()

    def of(self, organization: str) -> Lake:
        """The organization's lake."""
        return Lake(self.root, organization)

    def locks(self, instance: dg.DagsterInstance, organization: str) -> Locks:
        """The locks of the organization's runs."""
        return locks_of(instance, self.of(organization))


class Watcher(Protocol):
    """Watches the reads of a run."""

    def listener(self, context: dg.AssetExecutionContext, directory: str) -> Listener:
        """Returns the function that receives the progress of one directory's read."""

    def show(self, words: str) -> None:
        """Receives why the run waits before it begins; the run's log has it, too."""


class LogWatcher:
    """Writes progress into the run's log from time to time."""

    def listener(self, context: dg.AssetExecutionContext, directory: str) -> Listener:
        """Writes a line at most every ten seconds, and every note, such as a wait for a rate limit."""
        last = monotonic()

        def listen(progress: Progress) -> None:
            nonlocal last
            if progress.note or monotonic() - last >= LOG_INTERVAL:
                last = monotonic()
                context.log.info(f"{directory}: {format_progress(progress)}")

        return listen

    def show(self, words: str) -> None:
        """Does nothing: the run's log has it already."""


@cache
def build_lock(organization: str) -> dg.ResourceDefinition:
    """Returns the resource that holds the organization's lock as long as a run lasts.

    A run that gets the lock ends the runs of killed processes. At the end, if several steps failed, the log
    has the reason of each: Dagster's own event of the failed run has that of the first only.
    """

    def hold(context: dg.InitResourceContext) -> Iterator[None]:
        instance, run = context.instance, context.run
        if instance is None or run is None:
            raise RuntimeError("the lock belongs to a run")
        # A run that is re-executed in the UI inherits the failure tags of the original run.
        inherited = [
            tag
            for tag, value in run.tags.items()
            if tag.startswith((names.FAILURE, names.RETRY_AT)) and value
        ]
        begun = {names.ORGANIZATION: organization, **dict.fromkeys(inherited, "")}
        instance.add_run_tags(run.run_id, begun)
        lake: LakeResource = getattr(context.resources, names.LAKE)
        watcher: Watcher = getattr(context.resources, names.PROGRESS)

        def report(words: str) -> None:
            if context.log:
                context.log.info(words)
            watcher.show(words)

        with ExitStack() as held:
            with refusals_before_steps(instance, run.run_id, organization):
                locks = lake.locks(instance, organization)
                held.enter_context(locks.of_run(run.run_id, report=report))
                for ended in end_orphaned_runs(instance, locks, organization).ended:
                    report(f"The run {ended} was killed and has been ended.")
            yield None
            reasons = failed_steps(instance, run.run_id)
            if len(reasons) > 1 and context.log:
                context.log.error("\n".join(f"- {reason}" for reason in reasons))

    return dg.ResourceDefinition(
        resource_fn=contextmanager(hold),
        description=f"One run of {organization} at a time.",
        required_resource_keys={names.LAKE, names.PROGRESS},
    )
