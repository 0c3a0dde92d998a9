"""The judgement of a resolved day: checks of its snapshots, checks of its people, and the guards.

A judgement is stored beside its day, and is valid as long as its inputs are the same. An approval names the
digest of what holds the day back, so it is valid for another read of the day if the same is lost.
"""

import hashlib
import json
from datetime import date
from typing import ClassVar

from pydantic import model_validator

from opensense_okta.config.models import Organization
from opensense_okta.publishing.evaluation import Findings, compared, evaluate_compared, evaluate_day
from opensense_okta.publishing.exports.comparison import ExportComparison, export_comparison
from opensense_okta.publishing.guards.emptied_export import emptied_export_terms
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.published import (
    ComparisonTargets,
    NotResolved,
    PublishedRef,
    comparison_targets,
    published,
    sources,
)
from opensense_okta.resolution import rules
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import IfDamaged, SeenState, seen_state, write_state

JUDGEMENT = "judgement.json"


class Judgement(Findings):
    """What was found of one resolved day.

    Attributes:
        resolved: the id of the tables that were judged.
        base: the latest published day before, which its changes refer to; None: there is none.
        replaces: the published directory, which the guards compared it with; None: there is none, or none
            that it would replace.
        accepted: an earlier publication that they compared it with, too; None: there is none.
        newer: the published day that stays, so that nothing is judged.
        export: with which export the people of the day's export were compared; None: with none.
        inputs: digest of the snapshots, the rules, the limits, and the publications that it was compared
            with: equal digests, equal judgements.
        digest: of what holds the day back, the rules, the limits, and the publications that it was compared
            with. An approval names it. Version 0.1 stored `inputs` here.
        difference: from `base`.
    """

    IF_DAMAGED: ClassVar = IfDamaged(
        "The day is judged again; an approval of it counts if the result is the same.",
        "nothing: the next sync or resolve of that day writes it.",
    )

    day: date
    resolved: str
    base: PublishedRef | None
    replaces: PublishedRef | None = None
    accepted: PublishedRef | None = None
    newer: date | None = None
    export: ExportComparison | None = None
    inputs: str = ""
    digest: str
    difference: Difference

    @model_validator(mode="before")
    @classmethod
    def _of_version_0_1(cls, stored: object) -> object:
        """Version 0.1 had one digest."""
        if isinstance(stored, dict) and "digest" in stored:
            return {"inputs": stored["digest"], **stored}
        return stored

    @property
    def held(self) -> bool:
        """Whether the day must not be published without a person's approval."""
        return self.newer is None and super().held

    def target_of(self, verdict: Verdict) -> PublishedRef | None:
        """The publication that a verdict of a guard compares with."""
        return self.accepted if verdict.against == "accepted" else self.replaces


def stored_judgement(lake: Lake, day: date) -> Judgement | None:
    """What was last found of a day; None: nothing, or the file is damaged."""
    return _seen(lake, day).content


def judge_day(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    *,
    even_if_older: bool = False,
) -> Judgement:
    """The judgement of a resolved day: the stored one if its inputs are the same, else a new one.

    A published day keeps its stored judgement.

    Args:
        organization: whose limits count.
        lake: of the organization.
        resolved: the day that is judged.
        even_if_older: whether it would replace a published day that is newer.

    Raises:
        NotResolved: a snapshot that the day was resolved from has been replaced since, or the rules are
            other ones now.
        Changed: another process judged the day at the same time.
    """
    sources(lake, resolved)
    if resolved.rules != rules.digest(organization):
        raise NotResolved(
            f"{lake.organization}: {resolved.day} was resolved under other rules than the organization file"
            f" has now. Start the job {lake.organization}__resolve for {resolved.day}: it applies the new"
            " rules, and the guards evaluate what they change."
        )
    seen, last = _seen(lake, resolved.day), published(lake)
    stored = seen.content
    place = comparison_targets(lake, resolved.day, even_if_older=even_if_older)
    if last is not None and last.id == resolved.id:
        if stored is not None and stored.resolved == resolved.id:
            return stored
        place = ComparisonTargets(last.base, replaces=last.base)
    export = export_comparison(organization, lake, place)
    inputs = _inputs(organization, lake, resolved, place, export)
    if stored and (stored.resolved, stored.base, stored.inputs) == (
        resolved.id,
        place.before,
        inputs,
    ):
        return stored
    judgement = _judged(organization, lake, resolved, place, export, inputs)
    write_state(lake.store, _name(lake, resolved.day), judgement, seen.version)
    return judgement


def _seen(lake: Lake, day: date) -> SeenState[Judgement]:
    return seen_state(lake.store, _name(lake, day), Judgement)


def _name(lake: Lake, day: date) -> str:
    return lake.resolved(day).document(JUDGEMENT)


def _judged(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    export: ExportComparison | None,
    inputs: str,
) -> Judgement:
    """Compares the day with the previous one, stores its changes, and runs the checks and guards."""
    changes_name = lake.resolved(resolved.day).table_name(resolved.id, "changes")
    over = lake.store.version(changes_name)
    with compared(lake, place.before, resolved) as (connection, difference):
        # Another process may judge the same day at the same time.
        unfinished = lake.unfinished(changes_name)
        try:
            engine.store(connection, "changes", unfinished)
            lake.store.keep(unfinished, changes_name, over)
        finally:
            unfinished.unlink(missing_ok=True)
        verdicts = evaluate_compared(connection, organization, lake, resolved, place, place.before)
    findings = evaluate_day(organization, lake, resolved, place, verdicts)
    return Judgement(
        day=resolved.day,
        resolved=resolved.id,
        base=place.before,
        replaces=place.replaces,
        accepted=place.accepted,
        newer=place.newer,
        export=export,
        inputs=inputs,
        digest=_approved_by_digest(organization, resolved, place, findings, export),
        difference=difference,
        unproven=findings.unproven,
        verdicts=findings.verdicts,
    )


def _inputs(
    organization: Organization,
    lake: Lake,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    export: ExportComparison | None,
) -> str:
    """A digest of all inputs of a judgement."""
    made_of = [
        {name: (str(source.as_of), source.id) for name, source in resolved.sources.items()},
        *_terms(organization, resolved),
        place.replaces.model_dump(mode="json") if place.replaces else str(place.newer),
    ]
    if place.accepted:
        made_of.append(place.accepted.model_dump(mode="json"))
    if export is not None:
        made_of.append(export.model_dump(mode="json"))
    made_of.extend(emptied_export_terms(organization, lake))
    if place.lost:
        made_of.append("nothing to compare with")
    return _digest(made_of)


def _approved_by_digest(
    organization: Organization,
    resolved: ResolvedManifest,
    place: ComparisonTargets,
    findings: Findings,
    export: ExportComparison | None,
) -> str:
    """A digest of what a person approves: what is lost, not from which read it is known.

    Data that is not proven, or cannot be compared, is of one read: only that is approved.
    """
    reads = {name: source.id for name, source in resolved.sources.items()}
    made_of = [
        [
            (verdict.name, verdict.directory, verdict.attribute, verdict.count, verdict.lost)
            for verdict in findings.tripped
        ],
        [(result.name, reads.get(result.directory or "", reads)) for result in findings.unproven],
        reads if findings.incomparable else None,
        *_terms(organization, resolved),
        *(target.model_dump(mode="json") if target else None for target in place.targets),
        export.model_dump(mode="json") if export else None,
    ]
    return _digest(made_of)


def _terms(organization: Organization, resolved: ResolvedManifest) -> list[object]:
    """The rules and the limits."""
    limits = organization.guards
    return [
        resolved.rules,
        limits.model_dump(exclude={"directories"}),
        {name: limits.of(name).model_dump() for name in organization.directories},
    ]


def _digest(made_of: list[object]) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
