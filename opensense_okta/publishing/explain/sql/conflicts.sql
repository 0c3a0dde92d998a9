-- What the directories disagree about.
--
-- view person_conflicts    of of_person.sql
-- set variable person_id = '0123…';
select kind, attribute, detail from person_conflicts order by kind, attribute, detail;
