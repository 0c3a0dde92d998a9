-- Adds the texts of the person's accounts on a day.
--
-- view accounts                                   of the day
-- macros texts_of, with_aliases, is_account       see person.sql and marked.sql
insert into texts_of_days
select unnest(list_append(texts_of(user_name, email, employee_number, aliases), lower(id)))
from with_aliases('accounts')
where is_account(directory, id);
