-- Macros that compare texts.
--
-- macro stripped       of texts.sql
-- function folded      of text_functions.py

-- Two texts that differ in white space, invisible characters or Unicode form only are equal when cleaned. Match
-- keys that differ in case or in compatible characters only are equal, too: they are compared when normalized.
-- Python's function `folded` does that (text_functions.py), because DuckDB has no NFKC. It is called for few texts.
create or replace macro cleaned(text) as case
    when regexp_full_match(text, '[!-~]+( [!-~]+)*') then text -- nearly all texts: nothing to clean
    else nfc_normalize(regexp_replace(
        stripped(regexp_replace(text, '\p{Cf}', '', 'g')), '[\s\x0B\x1C-\x1F\x{85}\p{Z}]+', ' ', 'g'
    ))
end;
create or replace macro normalized(text) as case
    when regexp_full_match(text, '[!-~]+( [!-~]+)*') then lower(text)
    else folded(cleaned(text))
end;
