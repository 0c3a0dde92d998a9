-- How large the day is, for a person who has nothing else to compare it with.
--
-- tables new_people, new_groups, new_memberships
select
    (select count(*) from new_people) as people,
    (select count(*) from new_people where active) as active,
    (select count(*) from new_groups) as groups,
    (select count(*) from new_memberships) as memberships;
