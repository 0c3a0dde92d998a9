"""The groups of the exported people, and which of them are left out.

Programs that read the export know a group by its name. So a group is left out if its name is empty, has a
semicolon, or is that of another group, which is left out, too.

The exported memberships are stored as `exported/<id>/memberships-<digest of the settings>.parquet` beside
the exported people: the next change file refers to the names that were delivered.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from opensense_okta.config.attributes import GROUPS, attributes
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.errors import making_files
from opensense_okta.publishing.exports.state import LeftOutGroups, exported_name
from opensense_okta.publishing.published import Published
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


@dataclass(frozen=True)
class KeptGroups:
    """The stored memberships of an export.

    Attributes:
        memberships: the name of the file beside the exported people; empty: no groups are exported.
    """

    memberships: str = ""
    left_out: LeftOutGroups = field(default_factory=LeftOutGroups)


def exports_groups(organization: Organization) -> bool:
    """Whether the groups of people are a column of the export."""
    settings = organization.publish.csv
    columns = settings.columns if settings else None
    return GROUPS in (columns or ()) and GROUPS not in attributes(organization)


def keep_groups(organization: Organization, lake: Lake, publication: Published) -> KeptGroups:
    """Stores the memberships of a publication as they are exported, if they are.

    Raises:
        ExportFailed: the file could not be made.
    """
    settings = organization.publish.csv
    if settings is None or not exports_groups(organization):
        return KeptGroups()
    digest = hashlib.sha256(settings.group_names.encode()).hexdigest()[:8]
    kept = f"memberships-{digest}.parquet"
    day = lake.resolved(publication.day)
    with TemporaryDirectory(prefix=".export-", dir=lake.scratch) as temporary:
        folder, file = Path(temporary), Path(temporary, kept)
        with making_files(folder), engine.start(folder) as connection:
            for table in ("groups", "memberships"):
                engine.view(connection, table, day.table(publication, table))
            opensense = settings.group_names == "opensense"
            left_out = Sql(connection, __package__).row(
                "groups.sql", LeftOutGroups, opensense=opensense
            )
            engine.store(connection, "exported_memberships", file)
        name = exported_name(publication.id, kept)
        lake.store.keep(file, name, lake.store.version(name))
    return KeptGroups(kept, left_out)
