-- The groups in groups of a day. Groups that were merged by name are one group here, too.
--
-- view groups    of the day
create table nested_groups (group_id varchar, member_group_id varchar, member_name varchar);

create table source_groups as select unnest(sources) as source, group_id, name from groups;
