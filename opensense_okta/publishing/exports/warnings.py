"""What the reader of an export should know of it, in words: what it does not have, and why.

The words have ids of groups and patterns of the organization file, and no personal data: Dagster shows them.
"""

from opensense_okta.config.text import plural, some_of
from opensense_okta.publishing.exports.state import (
    LeftOutAddresses,
    LeftOutGroups,
    last_export,
    people_left_out,
)
from opensense_okta.storage.lake import Lake


def last_warnings(lake: Lake) -> dict[str, str]:
    """The warnings about the last delivered export."""
    last = last_export(lake)
    if last is None:
        return {}
    return export_warnings(last.delivered.left_out, last.delivered.addresses_left_out)


def export_warnings(groups: LeftOutGroups, addresses: LeftOutAddresses) -> dict[str, str]:
    """The warnings about an export: a few sentences by a short name of what is wrong."""
    warnings = {
        "groups_left_out": _left_out(groups),
        "unmatched_patterns": _unmatched(groups),
        "addresses_left_out": _without_row(addresses),
    }
    return {name: words for name, words in warnings.items() if words}


def _left_out(groups: LeftOutGroups) -> str:
    if not groups.count:
        return ""
    examples = some_of(groups.examples, groups.count)
    return (
        f"{plural(groups.count, 'group')} left out of the export ({examples}): the name is empty, has a"
        " semicolon, or is that of another group. Rename them in their directory, or set"
        " resolution.groups.merge_by: name if groups with one name are one group."
    )


def _unmatched(groups: LeftOutGroups) -> str:
    if groups.unmatched_patterns in ((), ("*",)):
        return ""
    patterns = some_of(groups.unmatched_patterns)
    return (
        f"No group of the day matches these entries of publish.csv.groups: {patterns}."
        " If a group was renamed or deleted, its memberships are exported as removed: write the name as the"
        " directory has it now, or delete the entry."
    )


def _without_row(addresses: LeftOutAddresses) -> str:
    reasons = {
        "the e-mail of another active person": addresses.emails_of_others,
        "an alias of several active people": addresses.aliases_of_several,
    }
    counts = [f"{count:,} because it is {reason}" for reason, count in reasons.items() if count]
    aliases = (
        f"Aliases left out of the export: {', '.join(counts)}. An address has one signature. If one"
        " of these people should have it, delete it from the others in their directory."
        if counts
        else ""
    )
    people = plural(addresses.people_without_address, "person has", "people have")
    without_row = (
        f"{people} no address of their own, and no row in the export: give them an address in their"
        " directory if they need a signature."
        if addresses.people_without_address
        else ""
    )
    return f"{aliases} {without_row}".strip()


def people_words(lake: Lake) -> dict[str, str]:
    """How many people `publish.people` left out of the last export, by rule, beside the export before."""
    now, before = people_left_out(lake)
    earlier = before.by_rule if before else {}
    if not now.by_rule:
        return {}
    rules = ", ".join(
        f"{count:,} by publish.people.{rule}"
        + (f" ({earlier[rule]:,} in the export before)" if rule in earlier else "")
        for rule, count in now.by_rule.items()
    )
    return {"people_left_out": f"{now.count:,}: {rules}"}
