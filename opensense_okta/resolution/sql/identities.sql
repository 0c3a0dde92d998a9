-- Which id each person has: the one kept, else one that follows from the anchor.
--
-- tables accounts_read, persons, recorded, kept    see claims.sql and kept.sql

-- Ids in use: of today's persons, and of accounts that are away.
create table taken as
select person_id from kept
union
select person_id from recorded anti join accounts_read using (directory, id);

create table person_ids as
with fresh as (
    select person, directory || '/' || id as anchor
    from (select distinct person from persons) anti join kept using (person)
    join accounts_read on account = person
),
offered as (
    select
        person, number,
        substr(sha256(anchor || case when number > 1 then chr(10) || number else '' end), 1, 32) as person_id
    from fresh cross join range(1, 10) numbers(number)
    where number = 1 or substr(sha256(anchor), 1, 32) in (from taken)
)
select person, person_id from kept
union all
select person, arg_min(person_id, number) from offered anti join taken using (person_id) group by person;
