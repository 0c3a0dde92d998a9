-- How many active people had and have several accounts, and how many were merged with another person.
--
-- tables old_people, new_people, people_merged    see resolution/sql/changes.sql
select
    (select count(distinct d) from (select unnest(directories) as d from old_people)) as directories,
    (select count(*) from old_people where active) as people_before,
    (select count(*) from old_people where active and len(accounts) > 1) as linked_before,
    (select count(*) from new_people where active) as people_after,
    (select count(*) from new_people where active and len(accounts) > 1) as linked_after,
    (
        select count(*) from old_people
        where active and person_id in (select before from people_merged)
    ) as merged;
