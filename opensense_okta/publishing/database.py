"""The published database: which day it says it has."""

import tempfile
from datetime import date
from functools import lru_cache
from pathlib import Path

import duckdb
from pydantic import AwareDatetime, BaseModel, ConfigDict

from opensense_okta.storage import engine
from opensense_okta.storage.state_files import StateFileDamaged
from opensense_okta.storage.store import address

IN_USE = ("Conflicting lock", "already attached")
"""Parts of DuckDB's messages where another program has the file open for writing."""


class PublicationRow(BaseModel):
    """The row of `main.publication`: what was published, and when it was published first."""

    model_config = ConfigDict(frozen=True)

    day: date
    resolved_id: str
    published_at: AwareDatetime


def publication_row(database: Path) -> PublicationRow | None:
    """The day that a database has; None: there is none, it is of version 0.1, or it is in use.

    Raises:
        StateFileDamaged: the file is not a database of this program, or cannot be read.
    """
    try:
        stat = database.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # a loop of links, or another user's folder
        raise _damaged(database) from error
    return _row(database, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=512)
def _row(database: Path, *_version: int) -> PublicationRow | None:
    """The row of a file that has this inode, time of change and size."""
    quoted = str(database).replace("'", "''")
    # Attached to a database in memory: a connection to the path itself could be one to the file that
    # had the name before, while a reader in this process has that open.
    with engine.start(Path(tempfile.gettempdir())) as connection:
        try:
            connection.execute(f"attach '{quoted}' as published (read_only)")
            tables = (
                "from duckdb_tables() where database_name = 'published' and schema_name = 'main'"
            )
            names = connection.execute(f"select table_name {tables}").fetchall()
            if ("publication",) not in names:
                return None
            row = connection.execute(
                "select day, resolved_id, epoch_us(published_at) from published.main.publication"
            ).fetchone()
        except duckdb.Error as error:
            if any(words in str(error) for words in IN_USE):
                return None
            raise _damaged(database) from error
    if row is None:
        raise _damaged(database)
    day, resolved_id, published_at = row
    return PublicationRow(day=day, resolved_id=resolved_id, published_at=published_at / 1_000_000)


def _damaged(database: Path) -> StateFileDamaged:
    return StateFileDamaged(
        f"{address(database)} is damaged: it is not a database that DuckDB can read.",
        impact="Programs that read the published directory fail. Checks go on: the tables of the"
        " published day are stored elsewhere, too.",
        remedy="start the sync again; it writes the file.",
    )
