-- What speaks for a snapshot and against it: one row of counts, from the tables of okta_tables.sql.
select
    (select count(*) from raw_users) as users,
    (select count(*) from raw_groups) as groups,
    (select count(*) from memberships) as memberships,
    (select count(*) from groups_gone) as groups_gone,
    (select count(*) from raw_groups where type = 'BUILT_IN' and name = 'Everyone') as everyone,
    -- The same id twice on one page is a broken answer; on two pages it is a change during paging.
    (select count(*) - count(distinct (listing, page, u.id)) from users_read) as users_doubled,
    (select count(*) - count(distinct (page, g.id)) from groups_read) as groups_doubled,
    (select count(*) - count(distinct u.id) from users_read) as users_seen_again,
    (select count(*) from memberships anti join raw_users on raw_users.id = user_id) as members_unknown,
    (select count(*) from memberships anti join raw_groups on raw_groups.id = group_id) as groups_unknown,
    (
        select count(*)
        from raw_groups
        left join (select group_id, count(*) as members from memberships group by group_id) on group_id = id
        where members_count <> coalesce(members, 0)
    ) as groups_miscounted,
    (
        select count(*) from raw_users
        where status is distinct from 'DEPROVISIONED'
        and trim(coalesce(json_extract_string(profile, '$.login'), '')) = ''
    ) as logins_missing,
    (
        select count(*) from raw_users
        where status is distinct from 'DEPROVISIONED'
        and not regexp_full_match(
            coalesce(json_extract_string(profile, '$.email'), ''), '[^@\s]+@[^@\s]+\.[^@\s]+'
        )
    ) as emails_malformed,
    (
        select count(*) from raw_users
        where coalesce(status, '') not in (
            'STAGED', 'PROVISIONED', 'ACTIVE', 'RECOVERY', 'PASSWORD_EXPIRED', 'LOCKED_OUT', 'SUSPENDED',
            'DEPROVISIONED', 'ACTIVATING'
        )
    ) as statuses_unknown;
