-- The key that joined each account with others: none is known of a day that version 0.1 resolved.
create table account_links (directory varchar, id varchar, linked_by varchar);
