-- How texts are compared. A merged attribute is a list already, others are texts.
create or replace macro listed(text varchar) as [text], (text varchar[]) as coalesce(text, []);
create or replace macro exactly(text) as nfc_normalize(lower(trim(text)));
create or replace macro loosely(text) as strip_accents(exactly(text));
create or replace macro words_of(text) as string_split_regex(loosely(text), '[\s,]+');
create or replace macro name_of(display_names, given_names, family_names, emails, user_names) as coalesce(
    display_names[1],
    nullif(concat_ws(' ', given_names[1], family_names[1]), ''),
    emails[1],
    user_names[1]
);
