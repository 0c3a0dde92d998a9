-- Adds the people who had one of the forgotten person's accounts on that day.
--
-- set variable people = 'stored_people';    the table `people` of the day
insert into forgotten_people
select person_id from marked_people(getvariable('people')) where forgotten;
