"""A person's word that lets one held day through.

It is bound to what was seen: the snapshots, the rules, the limits, and the published directory that the
day was compared with. Once one of them changes it is worth nothing.
"""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from opensense_okta.lake import Lake, write_whole
from opensense_okta.publishing.judging import Judgement

APPROVAL = "approval.json"


class Approval(BaseModel):
    """Who let which day through, when, and what that person had seen."""

    model_config = ConfigDict(frozen=True)

    day: date
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    when: datetime
    digest: str
    saw: tuple[str, ...]


def approve(lake: Lake, judgement: Judgement, by: str) -> Approval:
    """Records the approval of a judgement.

    Raises:
        ValueError: `by` names nobody.
    """
    approval = Approval(
        day=judgement.day,
        by=by,
        when=datetime.now(UTC),
        digest=judgement.digest,
        saw=tuple(judgement.reasons),
    )
    path = lake.resolved(judgement.day).folder / APPROVAL
    write_whole(path, approval.model_dump_json(indent=2))
    return approval


def approval_of(lake: Lake, judgement: Judgement) -> Approval | None:
    """The approval of exactly this judgement, or None."""
    try:
        text = (lake.resolved(judgement.day).folder / APPROVAL).read_bytes()
    except FileNotFoundError:
        return None
    approval = Approval.model_validate_json(text)
    return approval if approval.digest == judgement.digest else None
