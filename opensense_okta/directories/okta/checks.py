"""The questions put to a snapshot of an Okta organization."""

from opensense_okta.directories.checks import SHARED, Check

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "everyone_group_listed",
        "raw_groups",
        blocks_publishing=True,
        question="Is the group Everyone there, unless only some groups are wanted?",
        predicate=lambda n: n["everyone"] > 0 or n["scoped_to_groups"] > 0,
        message="Groups named Everyone, built in: {everyone}.",
        failure_hint="Who does not see it has a restricted administrator role.",
    ),
    Check(
        "members_counted",
        "raw_groups",
        blocks_publishing=False,
        question="Do the groups have as many members as the API's statistics say?",
        predicate=lambda n: n["groups_miscounted"] == 0,
        message="{groups_miscounted:,} groups have another number of members than the API's statistics say.",
        failure_hint="The statistics are hints; look at it when it lasts for days.",
    ),
    Check(
        "statuses_known",
        "raw_users",
        blocks_publishing=False,
        question="Is every user's status one that is known here?",
        predicate=lambda n: n["statuses_unknown"] == 0,
        message="{statuses_unknown:,} users have a status that is not known here.",
        failure_hint="They count as inactive until opensense_okta knows the status.",
    ),
)
