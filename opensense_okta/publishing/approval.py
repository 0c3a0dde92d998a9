"""A person's word that lets one held day through.

It is bound to what was seen: the snapshots, the rules, the limits, and the published directory that the
day was compared with. Once one of them changes it is worth nothing, and stays on record all the same.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from opensense_okta.publishing.judging import Judgement
from opensense_okta.storage.lake import Lake, write_whole

APPROVAL = "approval.json"


class Approval(BaseModel):
    """Who let which day through, when, and what that person had seen."""

    model_config = ConfigDict(frozen=True)

    day: date
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    when: datetime
    digest: str
    saw: tuple[str, ...]


# A file of before holds the one approval that was given last.
_RECORD: TypeAdapter[tuple[Approval, ...] | Approval] = TypeAdapter(tuple[Approval, ...] | Approval)


def approve(lake: Lake, judgement: Judgement, by: str) -> Approval:
    """Records the approval of a judgement, after those of the day before it; the first one stands.

    Raises:
        ValueError: `by` names nobody.
    """
    earlier = approval_of(lake, judgement)
    if earlier is not None:
        return earlier
    approval = Approval(
        day=judgement.day,
        by=by,
        when=datetime.now(UTC),
        digest=judgement.digest,
        saw=tuple(judgement.reasons),
    )
    record = _RECORD.dump_json((*approvals(lake, judgement.day), approval), indent=2)
    write_whole(_file(lake, judgement.day), record.decode())
    return approval


def approval_of(lake: Lake, judgement: Judgement) -> Approval | None:
    """The approval of exactly this judgement, or None."""
    found = reversed(approvals(lake, judgement.day))
    return next((one for one in found if one.digest == judgement.digest), None)


def approvals(lake: Lake, day: date) -> tuple[Approval, ...]:
    """All approvals of a day, oldest first, also of what it was before it was read again."""
    try:
        found = _RECORD.validate_json(_file(lake, day).read_bytes())
    except FileNotFoundError:
        return ()
    return (found,) if isinstance(found, Approval) else found


def _file(lake: Lake, day: date) -> Path:
    return lake.resolved(day).folder / APPROVAL
