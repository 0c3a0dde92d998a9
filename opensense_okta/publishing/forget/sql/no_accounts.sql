-- Nothing is published: nobody has accounts.
create or replace view accounts as
select
    ''::varchar as directory, ''::varchar as id, ''::varchar as person_id, ''::varchar as user_name,
    ''::varchar as email, ''::varchar as employee_number, ''::varchar as manager
where false;
