-- How much there is to weigh.
select
    (select max(flow) from attributes) as flows,
    (select count(distinct person) from persons) as people;
