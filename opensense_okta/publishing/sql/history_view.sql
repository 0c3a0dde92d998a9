-- The history, from the form in which it is stored.
--
-- view kept_history          periods that last have person_id and valid_from only
-- view next_people           people of the newest day
-- makes view new_people_history
create or replace temp view new_people_history as
from (from next_people limit 0)
union all by name
from kept_history where valid_to is not null
union all by name
select next_people.*, kept_history.valid_from, kept_history.valid_to
from next_people
join kept_history on kept_history.person_id = next_people.person_id and valid_to is null;
