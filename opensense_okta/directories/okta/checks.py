"""The questions put to a snapshot of an Okta organization."""

from opensense_okta.directories.checks import SHARED, Check

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "everyone_group_listed",
        "raw_groups",
        blocks_publishing=True,
        question="Was the built-in group Everyone listed, unless `scope` names groups?",
        predicate=lambda n: n["everyone"] > 0 or n["scoped_to_groups"] > 0,
        message="Built-in groups named Everyone: {everyone}.",
        failure_hint="An administrator who cannot see it has a restricted role.",
    ),
    Check(
        "members_counted",
        "raw_groups",
        blocks_publishing=False,
        question="Do the groups have as many members as the API's statistics say?",
        predicate=lambda n: n["groups_miscounted"] == 0,
        message="{groups_miscounted:,} groups have another number of members than the API's statistics say.",
        failure_hint="The statistics are only hints. Look at the groups if this lasts for days.",
    ),
    Check(
        "statuses_known",
        "raw_users",
        blocks_publishing=False,
        question="Does opensense_okta know the status of every user?",
        predicate=lambda n: n["statuses_unknown"] == 0,
        message="{statuses_unknown:,} users have a status that opensense_okta does not know.",
        failure_hint="They count as inactive. Update opensense_okta, or report the status.",
    ),
)
