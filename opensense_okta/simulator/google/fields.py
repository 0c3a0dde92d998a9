"""Partial responses: the parameter `fields`, such as `nextPageToken,users(id,name/givenName)`."""

from collections.abc import Iterator
from typing import Any

from opensense_okta.simulator.google.messages import refused

Mask = dict[str, "Mask"]
"""The names that are asked for, each with those below it; none below it means all of it."""


def parse_fields(text: str) -> Mask:
    """The mask that a parameter describes.

    Raises:
        RefusedError: it is not well formed.
    """
    tokens = iter(_tokens(text))
    mask = _selection(tokens, "")
    if next(tokens, None) is not None:
        raise invalid_selection(text)
    return mask


def masked(value: Any, mask: Mask) -> Any:  # noqa: ANN401 - JSON
    """The parts of a value that a mask selects."""
    if not mask:
        return value
    if isinstance(value, list):
        return [masked(element, mask) for element in value]
    if not isinstance(value, dict):
        return value
    chosen = value if "*" in mask else mask.keys() & value.keys()
    return {
        name: masked(part, mask.get(name, {})) for name, part in value.items() if name in chosen
    }


def invalid_selection(name: str) -> Exception:
    """The exception for a field that does not exist."""
    return refused("invalidParameter", f"Invalid field selection {name}")


def _selection(tokens: Iterator[str], end: str) -> Mask:
    mask: Mask = {}
    place = mask
    for part in tokens:
        if part == ",":
            place = mask
        elif part == "/":
            continue
        elif part == "(":
            place.update(_selection(tokens, ")"))
        elif part == ")":
            if end != ")":
                raise invalid_selection(part)
            return mask
        else:
            place = place.setdefault(part, {})
    if end:
        raise invalid_selection("(")
    return mask


def _tokens(text: str) -> Iterator[str]:
    name = ""
    for letter in text:
        if letter not in "(),/":
            name += letter
            continue
        if name:
            yield name
        name = ""
        yield letter
    if name:
        yield name
