"""Passes expected errors to people, as a failure's text, and to the retry sensor, as tags of the run."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import dagster as dg
import duckdb

from opensense_okta.config.errors import UserError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets.metadata import approval_block
from opensense_okta.publishing.publish import Held
from opensense_okta.publishing.published import NotResolved
from opensense_okta.resolution.snapshots import NothingToResolve, StaleDirectory
from opensense_okta.storage.file_errors import storage_refusal

VALUES_NOT_SHOWN = (
    "Its text may quote values of people, so it is not shown. The published directory stays. What to do:"
    " start the job again; if it fails again, report this error with the name of the step."
)

DUCKDB_INTERRUPTED = "Query interrupted"  # the whole message if an interrupt ends a query


@contextmanager
def as_dagster_failure(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    place: str,
    follow_up: Callable[[datetime | None], str] = lambda _retry_at: "",
) -> Iterator[None]:
    """Turns expected errors into failures with a remedy, and tags the run with the reason.

    Args:
        context: the context of the step.
        place: the organization, or organization/directory, for errors that do not name it.
        follow_up: says what follows if the error is transient; it gets when a retry is useful at the
            earliest, where that is known.

    Raises:
        Failure: the step failed with an expected error.
        DagsterExecutionInterruptedError: the run was interrupted.
    """
    organization = place.partition("/")[0]

    def tag(failure: str) -> None:
        tag_failure(context.instance, context.run.run_id, organization, failure)

    try:
        yield
    except Held as held:
        tag(names.HELD)
        block = approval_block(organization, held.judgement)
        raise _failure(held, approve_with=block) from held
    except (NothingToResolve, StaleDirectory, NotResolved) as error:
        tag(names.PERMANENT)
        raise dg.Failure(str(error), allow_retries=False) from error
    except UserError as error:
        tag(_kind(error))
        if error.retry_at is not None:
            again = error.retry_at.isoformat()
            tags = (names.RETRY_AT, names.tag_of(names.RETRY_AT, organization))
            context.instance.add_run_tags(context.run.run_id, dict.fromkeys(tags, again))
        follows = follow_up(error.retry_at) if error.transient else ""
        error.subject = error.subject or place
        raise _failure(error, follows) from error
    except BaseExceptionGroup as group:
        # If a task of a read is interrupted, its error is in a group with the errors of the other tasks.
        if group.subgroup((KeyboardInterrupt, dg.DagsterExecutionInterruptedError)) is None:
            _raise_refused(group, place, tag, follow_up)
            raise
        raise dg.DagsterExecutionInterruptedError from group
    except Exception as error:
        if isinstance(error, RuntimeError) and str(error) == DUCKDB_INTERRUPTED:
            raise dg.DagsterExecutionInterruptedError from error
        _raise_refused(error, place, tag, follow_up)
        raise


@contextmanager
def refusals_before_steps(
    instance: dg.DagsterInstance, run_id: str, organization: str
) -> Iterator[None]:
    """Turns expected errors before the first step into a failure in words, and tags the run.

    Raises:
        Failure: the disk is full, rights are missing, or the run cannot have its locks.
    """
    try:
        yield
    except (OSError, UserError) as error:
        refused = error if isinstance(error, UserError) else storage_refusal(error)
        if refused is None:
            raise
        refused.subject = organization
        with suppress(Exception):  # the disk may be that of Dagster's storage, too
            instance.add_run_tags(run_id, {names.FAILURE: _kind(refused)})
        raise _failure(refused) from error


def failure_before_steps(event: dg.DagsterEvent) -> str | None:
    """The text of the failure in words that ended a run before its first step; None: another error did."""
    if event.event_specific_data is None:  # the run's process was killed
        return None
    error = event.job_failure_data.error
    while error and error.cls_name != dg.Failure.__name__:
        error = error.cause
    return error.message.partition(": ")[2].strip() if error else None


def describe_failure(event: dg.DagsterEvent) -> str:
    """Says why a step failed; of an unexpected error, what its innermost exception says.

    Dagster's own exception around it names only the step.

    Args:
        event: the failure of the step.
    """
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error and error.cause:
        error = error.cause
    why = error.message.strip() if error else "for no known reason"
    return f"{event.step_key}: {why} This error was not expected: the run in Dagster's UI has all of it."


def describe_failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Says why each step of a run failed, or why the run failed before its first step."""
    words = []
    for event in events:
        if event.is_step_failure:
            words.append(describe_failure(event))
        elif event.is_job_failure and not words:
            words.append(failure_before_steps(event) or event.message or "the run failed")
    return words


def failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Why each failed step of a run failed, in the order of the failures."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return [describe_failure(entry.dagster_event) for entry in failures if entry.dagster_event]


def _raise_refused(
    error: BaseException,
    place: str,
    tag: Callable[[str], None],
    follow_up: Callable[[datetime | None], str],
) -> None:
    """Raises the failure in words, if the disk is full, rights are missing, or the text may quote values."""
    refused = storage_refusal(error)
    if refused is None:
        if _may_quote_values(error):
            words = f"{place}: an unexpected error ({type(error).__name__}). {VALUES_NOT_SHOWN}"
            raise dg.Failure(words, allow_retries=False) from None
        return
    refused.subject, follows = place, ""
    with suppress(Exception):  # the disk may be that of Dagster's storage, too
        tag(_kind(refused))
        follows = follow_up(None) if refused.transient else ""
    raise _failure(refused, follows) from error


def _may_quote_values(error: BaseException) -> bool:
    """Whether the text of an error of DuckDB may have values of a table. Those of damaged files have none."""
    if isinstance(error, duckdb.InvalidInputException):
        return ".parquet" not in str(error)
    return isinstance(error, duckdb.DataError | duckdb.IntegrityError)


def _kind(error: UserError) -> str:
    return names.TRANSIENT if error.transient else names.PERMANENT


def _failure(
    error: UserError,
    follows: str = "",
    **more: dg.MarkdownMetadataValue,
) -> dg.Failure:
    metadata = {"cause": error.message, "meaning": error.impact, "remedy": error.remedy}
    return dg.Failure(f"{error} {follows}".strip(), {**metadata, **more}, allow_retries=False)


def tag_failure(instance: dg.DagsterInstance, run_id: str, organization: str, failure: str) -> None:
    """Tags a run with why its part of an organization failed, and the run as a whole.

    Of several reasons the one that decides what follows stays. As long as one error is transient the part
    is retried: a permanent one then costs little, and the other directory is not left out for a day.
    """
    run = instance.get_run_by_id(run_id)
    tags = run.tags if run else {}
    decided = {
        tag: min(failure, tags.get(tag) or failure, key=_DECIDES.index)
        for tag in (names.FAILURE, names.tag_of(names.FAILURE, organization))
    }
    instance.add_run_tags(run_id, decided)


_DECIDES = (names.HELD, names.TRANSIENT, names.PERMANENT)
