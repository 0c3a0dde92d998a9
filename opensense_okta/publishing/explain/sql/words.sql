-- The words that are searched for, the longest one first: few people have it.
--
-- set variable who = 'Ana Müller';
create or replace temp macro exactly(text) as nfc_normalize(lower(trim(text)));
create or replace temp macro loosely(text) as strip_accents(exactly(text));
create or replace temp macro words_of(text) as string_split_regex(loosely(text), '[\s,]+');

select word from (select unnest(words_of(getvariable('who'))) as word) order by len(word) desc;
