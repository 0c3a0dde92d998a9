-- The words that are searched for, the longest one first: few people have it.
--
-- macro words_of    of macros.sql
-- set variable who = 'Ana Müller';
select word from (select unnest(words_of(getvariable('who'))) as word) order by len(word) desc;
