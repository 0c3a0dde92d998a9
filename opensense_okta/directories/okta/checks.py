"""The questions put to a snapshot of an Okta organization."""

from opensense_okta.directories.checks import SHARED, Check

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "everyone_group_listed",
        "raw_groups",
        holds=True,
        question="Is the group Everyone there, unless only some groups are wanted?",
        passes=lambda n: n["everyone"] > 0 or n["scoped_to_groups"] > 0,
        says="Groups named Everyone, built in: {everyone}.",
        otherwise="Who does not see it has a restricted administrator role.",
    ),
    Check(
        "members_counted",
        "raw_groups",
        holds=False,
        question="Do the groups have as many members as the API's statistics say?",
        passes=lambda n: n["groups_miscounted"] == 0,
        says="{groups_miscounted:,} groups have another number of members than the API's statistics say.",
        otherwise="The statistics are hints; look at it when it lasts for days.",
    ),
    Check(
        "statuses_known",
        "raw_users",
        holds=False,
        question="Is every user's status one that is known here?",
        passes=lambda n: n["statuses_unknown"] == 0,
        says="{statuses_unknown:,} users have a status that is not known here.",
        otherwise="They count as inactive until opensense_okta knows the status.",
    ),
)
