-- What all files of an export are made with.

-- Sorting a million wide rows with two threads needs more memory than there is; one is faster, too.
set threads = 1;

-- A value as the text of a cell: NULL where there is nothing to show.
--
-- A program that opens a CSV as a spreadsheet runs a cell that begins like a formula, also behind white
-- space or quotes. An apostrophe before it makes it text (owasp.org/www-community/attacks/CSV_Injection).
create macro is_formula(text) as regexp_matches(text, '^([\s\x0B\p{Z}''"`]*[=+\-@＝＋－＠]|[\t\r\n])');
-- A phone number begins with + too, and has to stay one; no name, address or function fits into these.
create macro is_phone(text) as
    regexp_full_match(text, '\s*\+[0-9 \x{A0}()./\-]*[0-9][0-9 \x{A0}()./\-]*((x|ext\.?) ?[0-9]+)?\s*', 'i');
create macro cell(text) as
    nullif(case when is_formula(text) and not is_phone(text) then '''' || text else text end, '');
create macro list_cell(list) as cell(array_to_string(list, ';'));
create macro accounts_cell(list) as list_cell(list_transform(list, lambda a: a.directory || '/' || a.id));
