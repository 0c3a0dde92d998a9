"""Where the value of an attribute comes from: fields of the source's record, or a value computed from them.

An attribute has one source or several; the first one that gives a value is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
)

from opensense_okta.config.secret import Section
from opensense_okta.config.text import nearest
from opensense_okta.config.values import Text, not_empty, valid_attribute_name

FORMS = (
    "must be a field, {constant: TEXT}, {join: [FIELD, FIELD], with: TEXT},"
    " {lookup: FILE, by: FIELD, take: COLUMN}, or a list of these"
)


def at_least_two_fields(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Fields that can be joined."""
    if len(fields) < 2:
        raise ValueError("must list at least two fields; for one field, write its name alone")
    return fields


def small_file(written: object, info: ValidationInfo) -> object:
    """A local file. A relative path starts at the organization file's folder."""
    if isinstance(written, str) and "://" in written:
        raise ValueError("must be a file of this machine, such as offices.csv")
    if isinstance(written, str) and written.strip():
        return Path((info.context or {}).get("folder", ""), written)
    if isinstance(written, Path):
        return written
    raise ValueError("must be the path of a CSV file, such as offices.csv")


class Constant(Section):
    """The same text for everybody."""

    constant: Text
    """The text."""


class Join(Section):
    """Several fields as one text. Blank fields are left out."""

    join: Annotated[tuple[Text, ...], AfterValidator(at_least_two_fields)]
    """The fields."""

    between: str = Field(default=" ", alias="with")
    """The text between them."""


class Lookup(Section):
    """A value from a small CSV file, whose first column is compared with a field as match keys are."""

    lookup: Annotated[Path, BeforeValidator(small_file)]
    """The file."""

    by: Text
    """The field."""

    take: Text
    """The file's column that has the value."""


@dataclass(frozen=True)
class Item:
    """A part of one object of an array, such as the number of the phone of type work.

    Attributes:
        array: the field with the array.
        choices: which object, first choice first. A choice is conditions such as `type=work`, which must all
            hold; a key that is missing equals an empty text. Of several such objects the first one counts.
        part: the object's key.
        addition: a key whose text follows after a comma; empty: none.
    """

    array: str
    choices: tuple[tuple[str, ...], ...]
    part: str
    addition: str = ""


@dataclass(frozen=True)
class Prefixed:
    """The texts of an array that begin with a prefix, without it, as a list."""

    array: str
    prefix: str


@dataclass(frozen=True)
class Values:
    """A field, or as a list the `value` of each object, if the field is an array of objects."""

    field: str


Source = str | Constant | Join | Lookup | Item | Prefixed | Values
"""A text is a field. No organization file has items, prefixed texts and values: a kind makes them."""

_KEYS: Mapping[str, str] = {
    "constant": "constant",
    "join": "join",
    "with": "join",
    "lookup": "lookup",
    "by": "lookup",
    "take": "lookup",
}


def _form(written: object) -> str | None:
    """Which form it has, or was probably meant to have."""
    match written:
        case str():
            return "field"
        case dict():
            known = (_KEYS.get(nearest(str(key), _KEYS) or "") for key in written)
            return next(filter(None, known), None)
        case Section():
            return type(written).__name__.lower()
    return None


WrittenSource = Annotated[
    Annotated[Text, Tag("field")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Join, Tag("join")]
    | Annotated[Lookup, Tag("lookup")],
    Discriminator(
        _form,
        custom_error_type="source_form",
        custom_error_message="{error}",
        custom_error_context={"error": FORMS},
    ),
]


def as_list(written: object) -> object:
    """A single source is written without a list around it."""
    return written if isinstance(written, list | tuple) else [written]


def all_of_use(sources: tuple[WrittenSource, ...]) -> tuple[WrittenSource, ...]:
    """Sources of which each can be the one that is used."""
    for position, source in enumerate(sources):
        if source in sources[:position]:
            words = source if isinstance(source, str) else f"the same {_form(source)}"
            raise ValueError(f"must not name {words} twice")
        if isinstance(source, Constant) and position + 1 < len(sources):
            raise ValueError("must have the constant last: nothing after it is ever used")
    return sources


Attributes = dict[
    Annotated[str, AfterValidator(valid_attribute_name)],
    Annotated[
        tuple[WrittenSource, ...],
        BeforeValidator(as_list),
        AfterValidator(not_empty),
        AfterValidator(all_of_use),
    ],
]
"""The sources of each attribute, first choice first."""


def fields_of(source: Source) -> tuple[str, ...]:
    """The fields of a record that a source needs."""
    match source:
        case str():
            return (source,)
        case Constant():
            return ()
        case Join():
            return source.join
        case Lookup():
            return (source.by,)
        case Values():
            return (source.field,)
        case Item() | Prefixed():
            return (source.array,)


def in_words(source: Source) -> str:
    """How a computed value comes about, for the person who asks; empty for a value as it was read."""
    match source:
        case Constant():
            return "constant"
        case Join():
            return f"joined from {' and '.join(source.join)}"
        case Lookup():
            return f"looked up in {source.lookup.name} by {source.by}"
        case _:
            return ""


def as_written(sources: Sequence[WrittenSource]) -> object:
    """The sources as the organization file has them: plain data that does not depend on its folder."""
    written = [_plain(source) for source in sources]
    return written[0] if len(written) == 1 else written


def _plain(source: WrittenSource) -> object:
    match source:
        case Lookup():
            return {"lookup": source.lookup.name, "by": source.by, "take": source.take}
        case Constant() | Join():
            return source.model_dump(by_alias=True)
    return source
