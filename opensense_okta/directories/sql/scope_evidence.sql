-- How many users are in none of the groups, applications and units in scope, and how many groups each pattern matches.
--
-- table evidence                                   of evidence.sql
-- tables users_youngest, users_chosen              the listed users, and those whom the scope chooses
-- table scope_group_matches                        of scope.sql
-- set variable scope_groups = ['Staff*'];          NULL: all
-- set variable chosen_by = 'scope.groups';         the keys that choose users; NULL: there are none

insert into evidence
select 'left_out.' || getvariable('chosen_by'), count(*)
from users_youngest
where id not in (select id from users_chosen)
having getvariable('chosen_by') is not null;

insert into evidence
select 'matched.scope.groups.' || position, count(id)
from (select generate_subscripts(getvariable('scope_groups'), 1) as position)
left join scope_group_matches using (position)
group by position
order by position;
