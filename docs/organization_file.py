"""Writes docs/organization-file.md: every key of the organization file, from the models."""

from collections.abc import Iterator
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from opensense_okta.config.directory_models import (
    CsvDirectory,
    EntraDirectory,
    GoogleDirectory,
    OktaDirectory,
)
from opensense_okta.config.models import RENAMED, AttributeRule, DirectoryGuards, Organization
from opensense_okta.config.secret import Secret
from opensense_okta.config.sources import WrittenSource

SIMPLE_TYPES = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    date: "day, such as 2026-11-01",
    Secret: "`{env: NAME}` or `{file: PATH}`",
}

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("", Organization),
    ("directories.NAME, kind okta", OktaDirectory),
    ("directories.NAME, kind entra", EntraDirectory),
    ("directories.NAME, kind google", GoogleDirectory),
    ("directories.NAME, kind csv", CsvDirectory),
    ("guards.directories.NAME", DirectoryGuards),
)
"""The sections that have keys of their own. Sections inside of them are written as `section.key`."""


def organization_file_page(generated: str) -> str:
    """Each key with its type, default and meaning."""
    lines = [
        "# The organization file",
        "",
        generated,
        "One YAML file in `dagster_home/organizations` describes one organization; the file's name is the",
        "organization's name. An unknown key is an error that names the line and the nearest known key, and",
        "all mistakes are reported at once. A secret is never in the file: the file says where it is stored.",
        "",
        "`docs/rules.md` explains the rules of section `resolution` with examples.",
        "",
    ]
    for title, model in SECTIONS:
        lines += [f"## {title}" if title else "## The file", "", _text(model.__doc__), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [*_rows(model), ""]
    lines += ["## Renamed since 0.1", "", "| old | new |", "|---|---|"]
    for (*path, old), new in RENAMED.items():
        key = ".".join(map(str, path))
        is_value = len(path) > 1
        lines.append(
            f"| `{key}: {old}` | `{key}: {new}` |"
            if is_value
            else f"| `{key}.{old}` | `{key}.{new}` |"
        )
    return "\n".join([*lines, ""])


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        if model is Organization and name == "name":  # the name of the file
            continue
        types = _members(info.annotation)
        section = types[0] if len(types) == 1 else None
        if isinstance(section, type) and issubclass(section, BaseModel) and section is not Secret:
            yield from _rows(section, f"{prefix}{name}.")
            continue
        meaning = _text(info.description)
        yield f"| `{prefix}{name}` | {_type(info.annotation)} | {_default(info)} | {meaning} |"
        if get_origin(section) is dict:
            value = _members(get_args(section)[1])[0]
            if value is AttributeRule:
                yield from _rows(value, f"{prefix}{name}.NAME.")


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation may be anything
    """What an annotation allows besides None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(member for member in get_args(annotation) if member is not NoneType)
    return (annotation,)


def _type(annotation: Any) -> str:  # noqa: ANN401 - as above
    members = _members(annotation)
    if len(members) > 1:
        return " or ".join(dict.fromkeys(_type(member) for member in members))
    (member,) = members
    arguments = get_args(member)
    origin = get_origin(member)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple and arguments[0] == WrittenSource:
        return "source or list of sources"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping of names to {_type(arguments[1])}"
    return SIMPLE_TYPES.get(member, "section")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    match default:
        case None | () | {}:
            return "none"
        case True | False:
            return f"`{str(default).lower()}`"
        case tuple():
            return f"`[{', '.join(default)}]`"
    return f"`{default}`"


def _text(docstring: str | None) -> str:
    """A docstring as one line of a table."""
    return " ".join((docstring or "").split()).replace("|", "\\|")
