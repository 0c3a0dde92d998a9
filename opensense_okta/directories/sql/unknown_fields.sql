-- The fields in which no profile of a snapshot has a value.
--
-- table raw_users
-- set variable pointers = ['/login'];              JSON pointers (RFC 6901) to the fields
with pointers as (select unnest(getvariable('pointers')) as pointer)
select pointer
from pointers
where not exists (
    from raw_users where trim(coalesce(json_extract_string(profile, pointer), '')) not in ('', '[]', '{}')
);
