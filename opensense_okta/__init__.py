"""Keeps a company's directory current: reads it every day, resolves, checks and publishes it.

`opensense_okta.read("acme")` is the published directory as pandas DataFrames.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opensense_okta.publishing.frames import read

__all__ = ["read"]


def __getattr__(name: str) -> object:
    # On first use: a sync imports this package and needs no pandas.
    if name == "read":
        from opensense_okta.publishing.frames import read  # noqa: PLC0415  # see above

        return read
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
