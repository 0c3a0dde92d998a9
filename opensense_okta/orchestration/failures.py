"""How what went wrong reaches people and the retry sensor: as words, and as tags on the run."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from opensense_okta.config.errors import UserError
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.orchestration import names
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.publish import Held
from opensense_okta.publishing.published import NotResolved
from opensense_okta.resolution.snapshots import NothingToResolve, StaleDirectory

DUCKDB_INTERRUPTED = "Query interrupted"  # all that it says of an interrupt that strikes a query


@contextmanager
def in_words(context: dg.AssetExecutionContext, whose: str) -> Iterator[None]:
    """Turns what is foreseen into a failure that says what to do, and tags the run with its nature.

    Args:
        context: of the step.
        whose: organization, or organization/directory, for failures that do not know it themselves.
    """
    try:
        yield
    except (DirectoryError, ExportFailed) as error:
        _tag(context, names.TRANSIENT if error.transient else names.PERMANENT)
        retry_at = getattr(error, "retry_at", None)
        if retry_at is not None:
            _add(context, names.RETRY_AT, retry_at.isoformat())
        raise _failure(error) from error
    except Held as held:
        _tag(context, names.HELD)
        raise _failure(held) from held
    except (NothingToResolve, StaleDirectory, NotResolved) as error:
        _tag(context, names.PERMANENT)
        raise dg.Failure(str(error), allow_retries=False) from error
    except UserError as error:
        _tag(context, names.PERMANENT)
        raise dg.Failure(f"{whose}: {error}", allow_retries=False) from error
    except BaseExceptionGroup as group:
        # An interrupt that strikes one of a read's tasks arrives with the others' errors around it.
        if group.subgroup((KeyboardInterrupt, dg.DagsterExecutionInterruptedError)) is None:
            raise
        raise dg.DagsterExecutionInterruptedError from group
    except RuntimeError as error:
        if str(error) != DUCKDB_INTERRUPTED:
            raise
        raise dg.DagsterExecutionInterruptedError from error


def _failure(error: DirectoryError | Held | ExportFailed) -> dg.Failure:
    if isinstance(error, DirectoryError):
        metadata = {"cause": error.message, "meaning": error.impact, "remedy": error.remedy}
    else:
        metadata = {"cause": error.what, "meaning": error.means, "remedy": error.remedy}
    return dg.Failure(str(error), metadata, allow_retries=False)


def _tag(context: dg.AssetExecutionContext, failure: str) -> None:
    """What time does not heal stays that way, whatever else fails in the same run."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if failure != names.TRANSIENT or run is None or not run.tags.get(names.FAILURE):
        _add(context, names.FAILURE, failure)


def _add(context: dg.AssetExecutionContext, tag: str, value: str) -> None:
    context.instance.add_run_tags(context.run.run_id, {tag: value})
