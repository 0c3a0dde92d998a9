-- The identity ledger: of each account, its person, the key that joined it with the person's other accounts, its
-- name, and the published day that recorded them.
create table ledger (
    directory varchar, id varchar, person_id varchar, day date, linked_by varchar, name varchar
);
