"""An organization's rules in words, as its file and the defaults set them."""

from collections.abc import Iterator, Sequence

from opensense_okta.config.models import (
    AttributeRule,
    BlankedGuard,
    Guards,
    Organization,
    RemovedGuard,
    Resolution,
    RewrittenGuard,
)
from opensense_okta.config.text import as_words, plural

INACTIVE = {
    "lowest": "Values of inactive accounts count last.",
    "ignore": "Values of inactive accounts do not count.",
    "equal": "Values of inactive accounts count as any other value.",
}
STALE = {
    "use": "it is used with a warning",
    "lowest": "its values count last",
    "fail": "the day fails",
}


def people_in_words(organization: Organization) -> list[str]:
    """Which accounts are one person."""
    resolution = organization.resolution
    keys = " or else the same ".join(as_words(key) for key in resolution.match)
    sentences = [f"Accounts with the same {keys} are one person."]
    if resolution.always_same:
        joined = plural(len(resolution.always_same), "list")
        sentences.append(f"By hand: accounts are always one person in {joined} of accounts.")
    if resolution.never_same:
        separate = plural(len(resolution.never_same), "list")
        sentences.append(f"By hand: no two accounts are one person in {separate} of accounts.")
    if resolution.groups.merge_by == "name":
        sentences.append("Groups with the same name are one group.")
    return sentences


def values_in_words(organization: Organization) -> list[str]:
    """Which directory's value a person gets."""
    resolution, order = organization.resolution, list(organization.directories)
    days = plural(resolution.stale_after_days, "day")
    return [
        f"A value is the one of {_in_order(order)}.",
        *_attributes(resolution, order),
        INACTIVE[resolution.inactive_accounts],
        f"A snapshot is stale after {days}: {STALE[resolution.when_stale]}.",
    ]


def guards_in_words(guards: Guards) -> list[str]:
    """The losses that hold a day back, each as the end of a sentence."""
    gone = "active accounts are gone or inactive"
    sentences = [
        f"active people, or active accounts of a directory, are gone or inactive: {_removed(guards.removed)}",
        f"memberships are gone: {_both(guards.removed)}",
        f"values of an attribute become blank: {_both(guards.blanked)}",
        f"values of an attribute become other values: {_both(guards.rewritten)}",
    ]
    for name, own in guards.directories.items():
        limits = guards.of(name)
        if "removed" in own.model_fields_set:
            sentences.append(f"of {name}, {gone}: {_removed(limits.removed)}")
        if "blanked" in own.model_fields_set:
            sentences.append(f"of {name}, values become blank: {_both(limits.blanked)}")
        if "rewritten" in own.model_fields_set:
            sentences.append(f"of {name}, values become other values: {_both(limits.rewritten)}")
    return [
        *sentences,
        "half of them or more, whatever these limits are, unless only few people have the attribute",
        "a directory is missing, or far fewer people than before have accounts in several directories",
    ]


def _in_order(directories: Sequence[str]) -> str:
    return ", else that of ".join(directories)


def _attributes(resolution: Resolution, order: Sequence[str]) -> Iterator[str]:
    for name, rule in resolution.attributes.items():
        sentence = "; ".join(_parts(rule, order))
        if sentence:
            yield f"{as_words(name)}: {sentence}."


def _parts(rule: AttributeRule, order: Sequence[str]) -> Iterator[str]:
    if rule.merge == "union":
        yield "the values of all directories, as a list"
    first = [*rule.precedence, *(name for name in order if name not in rule.precedence)]
    if rule.precedence and rule.merge is None:
        yield f"that of {_in_order(first)}"
    if rule.format != "as_written":
        yield f"phone numbers in {rule.format} form"
    if rule.blank == "wins":
        yield f"if {first[0]} has none, it is blank"


def _removed(limit: RemovedGuard) -> str:
    return f"{_both(limit)}, or more than {limit.max:,}"


def _both(limit: RemovedGuard | BlankedGuard | RewrittenGuard) -> str:
    return f"more than {limit.count:,} and more than {limit.percent:g} %"
