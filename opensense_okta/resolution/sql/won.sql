-- What won for a slice of the people: texts in the order of flows, then of positions.
--
-- temp table picked    person, texts
-- table won            rows are added
insert into won by name from picked;
