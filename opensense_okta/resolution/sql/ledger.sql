-- The identity ledger: the person of each account, and the published day that recorded it.
create table ledger (directory varchar, id varchar, person_id varchar, day date);
