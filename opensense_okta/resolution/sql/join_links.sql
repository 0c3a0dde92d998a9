-- The persons who become one person by links. Joins are transitive.
--
-- table links                                  a, b: pairs of persons
-- macros components_of, contradictory, separations    see match_keys.sql
--
-- Two persons whom something separates are not linked, whatever they share. If other persons connect them, those who
-- could belong to either one are not joined with them: nobody is joined by a guess.

-- A component is a set of persons who are connected by links; it is named by its smallest person.
create or replace temp table components as from components_of('links');

create or replace temp table rejected_components as from contradictory('components');

create or replace temp table doubtful_links as
select component, a, b
from links join components on person = a
semi join rejected_components using (component);

create or replace temp table separated_links as
select component, a, b, list(reason) as reasons
from doubtful_links join separations('doubtful_links') using (a, b)
group by component, a, b;

create or replace temp table possible_links as
select a, b from doubtful_links anti join separated_links using (a, b);

create or replace temp table parts as from components_of('possible_links');

create or replace temp table rejected_parts as from contradictory('parts');

-- The persons of a rejected part with those of the part from whom they are separated. Large parts are rare; they
-- are not compared, and nobody in them is joined.
create or replace temp table pairs as
with small_parts as (
    select component from parts semi join rejected_parts using (component)
    group by component having count(*) <= 50
)
select x.person as a, y.person as b
from parts x
semi join small_parts using (component)
join parts y on y.component = x.component and y.person > x.person;

create or replace temp table opponents as
select person, coalesce(list_sort(list(distinct opponent) filter (opponent is not null)), []) as opponents
from (
    select unnest([a, b]) as person, null as opponent from pairs
    union all
    select unnest([a, b]), unnest([b, a]) from separations('pairs')
)
group by person;

-- In a rejected part, two persons are joined only if they are separated from the same others.
create or replace temp table accepted_links as
select a, b
from possible_links
join parts on person = a
left join opponents x on x.person = a
left join opponents y on y.person = b
where component not in (from rejected_parts) or x.opponents = y.opponents;

create or replace temp table joins as
select person, component from components anti join rejected_components using (component)
union all
select person, component from components_of('accepted_links');
