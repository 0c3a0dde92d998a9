-- What all files of an export are made with.

-- Sorting a million wide rows with two threads needs more memory than there is; one is faster, too.
set threads = 1;

-- A value as the text of a cell: NULL where there is nothing to show.
--
-- A program that opens a CSV as a spreadsheet runs a cell that begins like a formula, also behind white
-- space, quotes or what nobody sees. An apostrophe before it makes it text
-- (owasp.org/www-community/attacks/CSV_Injection). Where semicolons separate, as in half of Europe, a cell
-- begins behind each of them and behind each line break: so does a part here.

-- Control and format characters, white space, marks, and letters that are blank.
create macro unseen() as '\p{C}\p{Z}\p{M}\s\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}';
create macro signs() as '=+\-@＝＋－＠﹦﹢﹣﹫−';
create macro formula() as '[' || unseen() || '''"`]*[' || signs() || ']';
-- A phone number begins with + too, and has to stay one: people read it in signatures and dial it. No
-- name, address or function fits into these characters; all that a spreadsheet could do is to calculate.
create macro phone() as '[' || unseen() || ']*[+＋][' || unseen() || '\p{Nd}\p{Pd}()./]*\p{Nd}['
    || unseen() || '\p{Nd}\p{Pd}()./]*((x|ext\.?|#) ?\p{Nd}+)?[' || unseen() || ']*';
create macro is_phone(text) as regexp_full_match(text, phone(), 'i');

create macro part(text) as
    case when regexp_matches(text, '^' || formula()) and not is_phone(text) then '''' || text else text end;
create macro parts(text) as array_to_string(
    list_transform(regexp_extract_all(text, '[^;\t\r\n]+|[;\t\r\n]'), lambda each: part(each)), ''
);
create macro cell(text) as case
    when coalesce(text, '') = '' then null
    -- Most texts have nothing of the kind; to take one apart takes long.
    when not regexp_matches(text, '[' || signs() || '\p{Cc}]') then text
    when regexp_matches(text, '^\p{Cc}') then '''' || parts(text)
    when not regexp_matches(text, '(^|[;\t\r\n])' || formula()) or is_phone(text) then text
    else parts(text)
end;
-- All texts of a person at once: each regular expression is compiled once, and not for each column.
create macro cells_of(texts) as list_transform(texts, lambda text: cell(text));

create macro list_text(list) as array_to_string(list, ';');
create macro accounts_text(list) as list_text(list_transform(list, lambda a: a.directory || '/' || a.id));
