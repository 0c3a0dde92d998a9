"""What every run of an organization has: its lock, and someone who watches its progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

import dagster as dg

from opensense_okta.config.environment import data_root
from opensense_okta.directories.protocol import Listener, Progress, in_words
from opensense_okta.orchestration import lock, names
from opensense_okta.storage.lake import Lake

PROGRESS = "progress"
EVERY = 10.0  # seconds between two lines of progress in a run's log


class Watcher(Protocol):
    """Watches the reads of a run."""

    def listener(self, context: dg.AssetExecutionContext, directory: str) -> Listener:
        """What is told of the progress of one directory's read."""

    def tell(self, words: str) -> None:
        """Is told what holds the run up before it can begin; the run's log is told, too."""


class LogWatcher:
    """Writes progress into the run's log, now and then."""

    def listener(self, context: dg.AssetExecutionContext, directory: str) -> Listener:
        """A line at most every ten seconds, and whatever holds the read up."""
        last = monotonic()

        def listen(progress: Progress) -> None:
            nonlocal last
            if progress.note or monotonic() - last >= EVERY:
                last = monotonic()
                context.log.info(f"{directory}: {in_words(progress)}")

        return listen

    def tell(self, words: str) -> None:
        """Says nothing: the run's log has it already."""


def lock_key(organization: str) -> str:
    """The name of the resource that holds the organization's lock for as long as the run lasts."""
    return f"{organization}__lock"


def lock_resource(organization: str) -> dg.ResourceDefinition:
    """The organization's lock; whoever gets it ends the runs of killed processes."""

    def hold(context: dg.InitResourceContext) -> Iterator[None]:
        instance, run = context.instance, context.run
        if instance is None or run is None:
            raise RuntimeError("the lock belongs to a run")
        # A run started again in the UI inherits the tags of the one before, its failure among them.
        inherited = [tag for tag in (names.FAILURE, names.RETRY_AT) if run.tags.get(tag)]
        begun = {names.ORGANIZATION: organization, **dict.fromkeys(inherited, "")}
        instance.add_run_tags(run.run_id, begun)
        locks = Lake(data_root(), organization).locks

        def say(words: str) -> None:
            if context.log:
                context.log.info(words)
            context.resources.progress.tell(words)

        with lock.organization_lock(locks, run.run_id, waiting=say):
            for ended in lock.end_orphaned_runs(instance, locks, organization):
                say(f"The run {ended} was killed and has been ended.")
            yield None

    return dg.ResourceDefinition(
        resource_fn=contextmanager(hold),
        description=f"One run of {organization} at a time.",
        required_resource_keys={PROGRESS},
    )
