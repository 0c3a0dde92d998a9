-- Views of the rows of one person.
--
-- views people, accounts, provenance, conflicts, memberships    of the day
-- set variable person_id = '0123…';      the person
-- set variable named = ['0123…'];        the people whose names are asked for
create view named_people as
from people where person_id in (select unnest(getvariable('named')::varchar[]));

create view person_and_manager as
from people
where
    person_id = getvariable('person_id')
    or person_id in (select manager_id from people where person_id = getvariable('person_id'));

create view person_accounts as from accounts where person_id = getvariable('person_id');

create view person_provenance as from provenance where person_id = getvariable('person_id');

create view person_conflicts as from conflicts where person_id = getvariable('person_id');

create view person_memberships as from memberships where person_id = getvariable('person_id');
