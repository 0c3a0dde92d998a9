"""Where the profiles of a directory keep an attribute."""

from opensense_okta.organization import Directory
from opensense_okta.vocabulary import mapping, pointer


def pointer_to(directory: Directory, attribute: str) -> str:
    """The JSON pointer (RFC 6901) to where a profile keeps an attribute first of all."""
    field = next(one.field for one in mapping(directory) if one.attribute == attribute)
    return pointer(directory, field)
