-- Which person an account was given, and on which published day.
create table ledger (directory varchar, id varchar, person_id varchar, day date);
