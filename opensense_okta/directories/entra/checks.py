"""The questions put to a snapshot of an Entra tenant."""

from opensense_okta.directories.checks import NESTED_GROUPS_KNOWN, SHARED, Check, tolerated

CHECKS: tuple[Check, ...] = (
    *SHARED,
    NESTED_GROUPS_KNOWN,
    Check(
        "users_counted",
        "raw_users",
        blocks_publishing=False,
        question="Were as many users listed as the tenant counts?",
        predicate=lambda n: (
            not n["users_counted"]
            or abs(n["users_listed"] - n["users_counted"]) <= tolerated(n["users_counted"])
        ),
        message="{users_listed:,} users were listed; the tenant counts {users_counted:,} (0: unknown).",
        failure_hint="The count comes from an index that is updated late. Look at it if this lasts for days.",
    ),
    Check(
        "members_readable",
        "memberships",
        blocks_publishing=False,
        question="Could the type of every member be read?",
        predicate=lambda n: n["members_unreadable"] == 0,
        message="{members_unreadable:,} members were listed without a type.",
        failure_hint="Their memberships are left out; the app may lack a permission for them.",
    ),
    Check(
        "hidden_members_read",
        "memberships",
        blocks_publishing=False,
        question="Could the members of groups that hide them be read?",
        predicate=lambda n: n["groups_hidden"] == 0,
        message="{groups_hidden:,} groups hide their members and listed none.",
        failure_hint="If they have members, the app lacks the permission Member.Read.Hidden.",
    ),
    Check(
        "guests_and_mailboxes_counted",
        "raw_users",
        blocks_publishing=False,
        question="Never; it only counts guests, shared mailboxes and rooms.",
        predicate=lambda _n: True,
        message="{guests:,} guests and {mailboxes:,} shared mailboxes or rooms are among {users:,} users.",
        failure_hint="",
    ),
    Check(
        "statuses_known",
        "raw_users",
        blocks_publishing=False,
        question="Does every user say whether the account is enabled?",
        predicate=lambda n: n["statuses_unknown"] == 0,
        message="{statuses_unknown:,} users do not say whether their account is enabled.",
        failure_hint="They count as inactive; the app may lack the permission User.Read.All.",
    ),
)
