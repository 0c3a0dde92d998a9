"""Who tells people of failed, held and late days, and that it is over: one sensor over all organizations.

How a day stands is read from its runs (`outcomes.py`); what is told of it, once per cause, is in
`publishing/notices.py`. Like the retry sensor this one keeps nothing of its own.

Nothing is told while Dagster's daemon is down. Once it is back, a day counts as late only at the
second look, after the schedule has caught up. Whoever starts syncs without a daemon, from cron say,
has the command's exit status instead.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from opensense_okta.lake import Lake
from opensense_okta.orchestration.outcomes import news_of
from opensense_okta.organization import Organization
from opensense_okta.publishing.notice_delivery import Delivery, deliver
from opensense_okta.publishing.notices import Post, memory, remember, to_be_told

DOWN_AFTER: Final = timedelta(hours=1)
"""After how long without a look the daemon must have been down."""


def build_notice_sensor(
    organizations: Mapping[str, Organization], lakes: Callable[[str], Lake]
) -> dg.SensorDefinition:
    """The one sensor that tells people how their organizations' days end.

    Args:
        organizations: all organizations by name; those without `notify` are left alone.
        lakes: gives the lake of an organization.
    """
    watched = [each for each in organizations.values() if each.notify]

    @dg.sensor(
        name="notices",
        description="Tells of failed, held and late days, once per cause, and when it is over.",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def notices(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = datetime.now(UTC)
        looks = [_look_at(context, each, lakes, now) for each in watched]
        told, broken = _tell(context, [look for look in looks if isinstance(look, _Look)], now)
        broken += [look for look in looks if isinstance(look, str)]
        if broken:
            raise RuntimeError("\n".join(broken + told))
        return dg.SkipReason("\n".join(told))

    return notices


@dataclass(frozen=True)
class _Look:
    """What the sensor found of one organization: what is to be told, or what is wrong."""

    organization: str
    lake: Lake
    posts: Sequence[Post]


def _look_at(
    context: dg.SensorEvaluationContext,
    organization: Organization,
    lakes: Callable[[str], Lake],
    now: datetime,
) -> _Look | str:
    """Looks at one organization; its trouble is the result, in words, and stops no other one."""
    name = organization.name
    try:
        lake = lakes(name)
        known = memory(lake)
        watched = known.looked is not None and now - known.looked < DOWN_AFTER
        news = news_of(context.instance, organization, lake, now, watched=watched)
        return _Look(name, lake, to_be_told(lake, organization.notify, known, news, now))
    except Exception as error:
        context.log.exception(f"{name}: how its day stands could not be found out")
        return f"{name}: how its day stands could not be found out: {error!r}"


def _tell(
    context: dg.SensorEvaluationContext, looks: Sequence[_Look], now: datetime
) -> tuple[list[str], list[str]]:
    """Delivers everything at once, and notes what arrived; what was done and what went wrong."""
    deliveries = iter(deliver([post for look in looks for post in look.posts]))
    told, broken = [], []
    for look in looks:
        done = [(post, next(deliveries)) for post in look.posts]
        said = [*_said(look.organization, done)]
        for line in said:
            context.log.info(line)
        told += said or [f"{look.organization}: nothing new to tell"]
        try:
            remember(look.lake, [(post, one.delivered) for post, one in done], now)
        except OSError as error:
            context.log.exception(f"{look.organization}: what was told could not be noted")
            broken.append(f"{look.organization}: what was told could not be noted: {error!r}")
    return told, broken


def _said(organization: str, done: Sequence[tuple[Post, Delivery]]) -> Iterator[str]:
    for post, delivery in done:
        for letter in post.letters[: delivery.delivered]:
            yield f"told target {post.number} of `notify`: {letter.subject}"
        if delivery.trouble:
            yield (
                f"{organization}: target {post.number} of `notify` {delivery.trouble}; it is tried again"
                " at the next look"
            )
