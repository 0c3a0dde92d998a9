-- Tables to collect what identifies a person; see accounts_of_day.sql and texts_of_day.sql.
create or replace temp table accounts_of_days (directory varchar, id varchar, person_id varchar, day date);
create or replace temp table texts_of_days (text varchar);

-- The logins, addresses and employee numbers of an account, in lower case. A merged attribute is a list.
create or replace macro texts_of(user_name, email, employee_number, aliases) as list_filter(
    list_transform(
        list_concat(
            regexp_split_to_array(to_json([to_json(user_name), to_json(email), to_json(employee_number)])::varchar, '["\[\],]+'),
            regexp_extract_all(to_json(aliases)::varchar, '[^\s;:,"\[\]]+@[^\s;:,"\[\]]+')
        ),
        lambda text: lower(trim(text))
    ),
    lambda text: text not in ('', 'null')
);
create or replace macro with_aliases(accounts) as table
from (select null as aliases where false) union all by name from query_table(accounts);
