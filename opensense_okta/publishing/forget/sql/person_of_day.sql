-- Begins with a folder of tables: of its people, the forgotten person is known by the id. See marked.sql.
--
-- set variable person = '9f…';
-- set variable directory = 'okta';    of a snapshot
create or replace temp table forgotten_people as
select getvariable('person')::varchar as person_id;
