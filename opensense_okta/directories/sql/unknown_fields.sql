-- The fields that no profile of a snapshot has.
--
-- table raw_users
-- set variable pointers = ['/login'];              JSON pointers (RFC 6901) to the fields
with pointers as (select unnest(getvariable('pointers')) as pointer)
select pointer
from pointers
where not exists (from raw_users where json_exists(profile, pointer));
