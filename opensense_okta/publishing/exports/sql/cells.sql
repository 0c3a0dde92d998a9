-- Settings and macros for all files of an export.

-- Two threads need too much memory to sort a million wide rows; one thread is also faster.
set threads = 1;

-- A value as the text of a cell: NULL if the value is empty.
--
-- A spreadsheet program evaluates a cell of a CSV that begins like a formula, also after white space,
-- quotes or invisible characters. An apostrophe before it makes it text
-- (owasp.org/www-community/attacks/CSV_Injection). In many European locales the semicolon separates cells,
-- so a cell may begin after each semicolon and each line break. Each such part is checked.

-- Control and format characters, white space, marks, and letters that are invisible.
create macro unseen() as '\p{C}\p{Z}\p{M}\s\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}';
create macro signs() as '=+\-@＝＋－＠﹦﹢﹣﹫−';
create macro formula() as '[' || unseen() || '''"`]*[' || signs() || ']';
-- A phone number begins with + too and must stay unchanged: people read it in signatures and dial it.
-- These characters allow no name, address or function; a spreadsheet could only calculate a number.
create macro phone() as '[' || unseen() || ']*[+＋][' || unseen() || '\p{Nd}\p{Pd}()./]*\p{Nd}['
    || unseen() || '\p{Nd}\p{Pd}()./]*((x|ext\.?|#) ?\p{Nd}+)?[' || unseen() || ']*';
create macro is_phone(text) as regexp_full_match(text, phone(), 'i');

create macro part(text) as
    case when regexp_matches(text, '^' || formula()) and not is_phone(text) then '''' || text else text end;
create macro parts(text) as array_to_string(
    list_transform(regexp_extract_all(text, '[^;\t\r\n]+|[;\t\r\n]'), lambda piece: part(piece)), ''
);
create macro cell(text) as case
    when coalesce(text, '') = '' then null
    -- Most texts have none of these characters; splitting a text is slow.
    when not regexp_matches(text, '[' || signs() || '\p{Cc}]') then text
    when regexp_matches(text, '^\p{Cc}') then '''' || parts(text)
    when not regexp_matches(text, '(^|[;\t\r\n])' || formula()) or is_phone(text) then text
    else parts(text)
end;
-- All texts of a person at once, so that each regular expression is compiled once, not once per column.
create macro cells_of(texts) as list_transform(texts, lambda text: cell(text));

create macro list_text(list) as array_to_string(list, ';');
create macro accounts_text(list) as list_text(list_transform(list, lambda a: a.directory || '/' || a.id));
