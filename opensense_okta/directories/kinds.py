"""The kinds of directories: the folders beside this module. To add one: see `protocol.py`."""

from importlib import import_module
from typing import Any

from opensense_okta.config.directory_models import Directory
from opensense_okta.directories.protocol import Kind


def kind_of(settings: Directory) -> Kind[Any]:
    """The kind of a directory with these settings.

    Only the kinds of configured directories are imported. All four take 0.1 s, and aiohttp 0.14 s.
    """
    kind: Kind[Any] = import_module(f"{__package__}.{settings.kind}.kind").KIND
    return kind
