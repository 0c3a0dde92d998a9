-- Counts of the groups in groups, for the checks. A group that was deleted during the read is not known.
--
-- tables nested_groups, raw_groups                 of the snapshot
select unnest([
    {name: 'nested_groups', count: count(*)},
    {name: 'nested_groups_unknown', count: count(*) filter (
        where member_group_id not in (select id from raw_groups)
    )}
], recursive := true)
from nested_groups;
