"""The command `init`: makes the marker of a lake in an object store."""

import click

from opensense_okta.config.environment import data_root, is_store
from opensense_okta.storage.opening import MARKER, create_lake


def init_now() -> None:
    """Makes the marker unless it is there, and says what was done.

    Raises:
        UserError: there can be no lake, or the store did not answer.
    """
    root = data_root()
    if not is_store(root):
        click.echo(f"{root} is a folder, which needs no marker: nothing was done.")
    elif create_lake(str(root)):
        click.echo(f"Made {root}/{MARKER}: syncs can use the lake now.")
    else:
        click.echo(f"{root}/{MARKER} is there already: nothing was done.")
