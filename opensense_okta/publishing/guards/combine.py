"""The verdicts of a day that was compared with two publications: of each loss, the larger one counts."""

from collections.abc import Iterator, Sequence

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.publishing.guards.model import COMPARING, Guard, Verdict
from opensense_okta.storage.sql import Sql


def larger_losses(
    verdicts: Sequence[Verdict], of_accepted: Sequence[Verdict], since: str
) -> list[Verdict]:
    """The verdicts of both comparisons as those of one; if losses are equal, the first one counts.

    Args:
        verdicts: compared with what is published.
        of_accepted: compared with an earlier publication.
        since: names the earlier publication, as the end of a sentence's subject.
    """
    earlier = [_since(verdict, since) for verdict in of_accepted if verdict.name in COMPARING]
    groups: dict[tuple[Guard, str | None, bool], list[Verdict]] = {}
    for verdict in (*verdicts, *earlier):
        of_what = (verdict.name, verdict.directory, verdict.of_export)
        groups.setdefault(of_what, []).append(verdict)
    return [verdict for group in groups.values() for verdict in _larger(group)]


def _since(verdict: Verdict, since: str) -> Verdict:
    dated = f"{verdict.found} since {since}" if verdict.found else ""
    message = verdict.message.replace(verdict.found, dated, 1) if dated else verdict.message
    return verdict.model_copy(update={"found": dated, "message": message, "against": "accepted"})


def _larger(group: Sequence[Verdict]) -> Iterator[Verdict]:
    """The verdicts of one guard and directory: for each attribute those of the larger loss."""
    tripped = [verdict for verdict in group if verdict.outcome == "error"]
    if not tripped:
        compared = max(group, key=lambda verdict: verdict.count).against
        yield from (verdict for verdict in group if verdict.against == compared)
        return
    for attribute in dict.fromkeys(verdict.attribute for verdict in tripped):
        alike = [verdict for verdict in tripped if verdict.attribute == attribute]
        compared = max(alike, key=lambda verdict: verdict.count).against
        yield from (verdict for verdict in alike if verdict.against == compared)


class _Lost(BaseModel):
    model_config = ConfigDict(frozen=True)

    guard: Guard
    directory: str | None
    attribute: str | None
    fingerprint: str


def with_fingerprints(
    connection: duckdb.DuckDBPyConnection, verdicts: Sequence[Verdict]
) -> list[Verdict]:
    """The verdicts, those that hold the day back with a fingerprint of who and what they count.

    Args:
        connection: on which `evaluate_guards` has made the verdicts.
        verdicts: of all guards.
    """
    if not any(verdict.outcome == "error" and verdict.name in COMPARING for verdict in verdicts):
        return list(verdicts)
    lost = {
        (row.guard, row.directory, row.attribute): row.fingerprint
        for row in Sql(connection, __package__).rows("lost.sql", _Lost)
    }
    return [
        verdict.model_copy(
            update={"lost": lost.get((verdict.name, verdict.directory, verdict.attribute), "")}
        )
        if verdict.outcome == "error"
        else verdict
        for verdict in verdicts
    ]


def of_export(connection: duckdb.DuckDBPyConnection, verdict: Verdict) -> Verdict:
    """The verdict on the people of the export, with its fingerprint if it holds the day back."""
    if verdict.outcome != "error":
        return verdict
    lost = Sql(connection, __package__).row("lost_of_export.sql", str)
    return verdict.model_copy(update={"lost": lost})
