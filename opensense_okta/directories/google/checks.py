"""The questions put to a snapshot of a Google Workspace account."""

from opensense_okta.directories.checks import SHARED, Check, tolerated

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "groups_not_lost",
        "raw_groups",
        blocks_publishing=True,
        question="Were groups listed, if the snapshot before had some?",
        predicate=lambda n: n["groups_listed"] > 0 or n["groups_listed_before"] == 0,
        message="{groups_listed:,} groups were listed, {groups_listed_before:,} in the snapshot before.",
        failure_hint="Google sometimes answers with an empty listing. Sync again; if the account really has"
        " no groups any more, approve the day.",
    ),
    Check(
        "groups_not_emptied",
        "raw_groups",
        blocks_publishing=True,
        question="Do groups whose members Google does not count still have some, if they had before?",
        predicate=lambda n: n["groups_emptied"] == 0,
        message="{groups_emptied:,} groups had members in the snapshot before and have none now; Google does"
        " not count these members.",
        failure_hint="Google sometimes answers with an empty listing. Look at them in the Admin console,"
        " and sync again; if they are really empty, approve the day.",
    ),
    Check(
        "groups_gone_few",
        "raw_groups",
        blocks_publishing=True,
        question="Were at most a few groups deleted during the read?",
        predicate=lambda n: (
            n["groups_gone"] <= min(tolerated(n["groups_read"]), n["groups_read"] / 2)
        ),
        message="{groups_gone:,} of {groups_read:,} groups were deleted between the listing and the read of"
        " their members.",
        failure_hint="So many groups are not deleted at once: Google's answers are wrong. Sync again.",
    ),
    Check(
        "listed_in_order",
        "raw_users",
        blocks_publishing=False,
        question="Did the pages of users and groups follow each other in order, also when read once more?",
        predicate=lambda n: n["pages_out_of_order"] == 0,
        message="{pages_out_of_order:,} pages do not continue where the page before ended.",
        failure_hint="The directory changed during the read, or Google sorts some addresses in another way."
        " Look at it if this lasts for days.",
    ),
    Check(
        "members_counted",
        "raw_groups",
        blocks_publishing=False,
        question="Do the groups have as many users as Google counts?",
        predicate=lambda n: n["groups_miscounted"] == 0,
        message="{groups_miscounted:,} groups have another number of users than Google counts.",
        failure_hint="The count is updated late, or a listing ended too early. Look at them if it lasts.",
    ),
    Check(
        "members_of_types_known",
        "memberships",
        blocks_publishing=False,
        question="Does opensense_okta know the type of every member?",
        predicate=lambda n: n["members_other"] == 0,
        message="{members_other:,} members have a type that opensense_okta does not know.",
        failure_hint="They are left out. Update opensense_okta, or report the type.",
    ),
    Check(
        "outsiders_counted",
        "memberships",
        blocks_publishing=False,
        question="Never; it only counts members who are no users of the account.",
        predicate=lambda _n: True,
        message="{members_outside:,} members are from outside, {groups_foreign:,} groups in groups are, too;"
        " {groups_of_everybody:,} groups have everybody of the account.",
        failure_hint="",
    ),
    Check(
        "guests_counted",
        "raw_users",
        blocks_publishing=False,
        question="Never; it only counts guests and users without a mailbox.",
        predicate=lambda _n: True,
        message="{guests:,} guests and {users_without_mailbox:,} users without a mailbox are among {users:,}"
        " users.",
        failure_hint="",
    ),
    Check(
        "statuses_known",
        "raw_users",
        blocks_publishing=True,
        question="Does every user say whether it is suspended and archived?",
        predicate=lambda n: n["statuses_unknown"] == 0,
        message="{statuses_unknown:,} users do not say whether they are suspended and archived.",
        failure_hint="They count as inactive; the administrator may lack a privilege.",
    ),
)
