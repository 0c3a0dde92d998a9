-- Settings and macros for all files of an export.
--
-- macro named(cells)   a list of cells as a struct

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
    || unseen() || '\p{Nd}\p{Pd}()./]*(([xX]|[eE][xX][tT]\.?|#) ?\p{Nd}+)?[' || unseen() || ']*';
create macro is_phone(text) as regexp_full_match(text, phone());
create macro begins_with_control(text) as unicode(text) < 32 or unicode(text) between 127 and 159;

create macro parts(text) as array_to_string(
    list_transform(
        regexp_extract_all(text, '[^;\t\r\n]+|[;\t\r\n]'),
        lambda part: case
            when regexp_matches(part, '^' || formula()) and not is_phone(part) then '''' || part else part
        end
    ),
    ''
);
-- Each use of a regular expression takes milliseconds to compile: none is used twice here.
create macro cell(text) as case
    when coalesce(text, '') = '' then null
    -- Most texts end here; splitting a text is slow.
    when not begins_with_control(text)
        and (not regexp_matches(text, '(^|[;\t\r\n])' || formula()) or is_phone(text)) then text
    else case when begins_with_control(text) then '''' else '' end || parts(text)
end;

-- All texts of rows at once, so that each regular expression is compiled once, not once per column.
-- `named` makes a struct of cells, with a field for each column.
create macro with_cells(rows) as table
    select * replace (named(cells) as cells)
    from (select * exclude (texts), list_transform(texts, lambda text: cell(text)) as cells from query_table(rows));

create macro list_text(list) as array_to_string(list, ';');
create macro accounts_text(list) as list_text(list_transform(list, lambda a: a.directory || '/' || a.id));
