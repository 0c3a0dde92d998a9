"""The questions put to a snapshot of an Entra tenant."""

from opensense_okta.directories.checks import SHARED, Check, tolerated

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "users_counted",
        "raw_users",
        holds=False,
        question="Were as many users listed as the tenant counts?",
        passes=lambda n: (
            not n["users_counted"]
            or abs(n["users_listed"] - n["users_counted"]) <= tolerated(n["users_counted"])
        ),
        says="{users_listed:,} users were listed; the tenant counts {users_counted:,} (0: unknown).",
        otherwise="The count comes from an index that lags behind; look at it when it lasts for days.",
    ),
    Check(
        "members_readable",
        "memberships",
        holds=False,
        question="Could the type of every member be read?",
        passes=lambda n: n["members_unreadable"] == 0,
        says="{members_unreadable:,} members came without a type.",
        otherwise="They are in no group here; the app may lack a permission for them.",
    ),
    Check(
        "hidden_members_read",
        "memberships",
        holds=False,
        question="Were members listed of the groups that hide them?",
        passes=lambda n: n["groups_hidden"] == 0,
        says="{groups_hidden:,} groups hide their members and listed none.",
        otherwise="If they have members, the app lacks the permission Member.Read.Hidden.",
    ),
    Check(
        "statuses_known",
        "raw_users",
        holds=False,
        question="Does every user say whether the account is enabled?",
        passes=lambda n: n["statuses_unknown"] == 0,
        says="{statuses_unknown:,} users do not say whether their account is enabled.",
        otherwise="They count as inactive; the app may lack the permission User.Read.All.",
    ),
)
