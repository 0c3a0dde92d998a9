"""The files of earlier exports, if the organization file puts the day into their path."""

import re
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath

from opensense_okta.config.locations import DAY
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.files import file_names
from opensense_okta.storage.lake import Lake


def dated_exports(organization: Organization, lake: Lake) -> dict[date, list[str]]:
    """The files of all exports in the organization's lake, by the day in their path.

    Exports elsewhere are not listed: nothing says that a file there is an export and not a copy that
    somebody made. The CSV of a day is the last of its files, so it can be found until all are deleted.
    """
    settings = organization.publish.csv
    if settings is None or DAY not in settings.path or "://" in settings.path:
        return {}
    path = PurePosixPath(settings.path)
    if path.is_absolute():
        return {}
    first, *others = path.as_posix().split(DAY)
    pattern = re.escape(first) + r"(\d{4}-\d{2}-\d{2})" + r"\1".join(map(re.escape, others))
    exports = {}
    for entry in lake.store.entries(first.rpartition("/")[0]):
        match = re.fullmatch(pattern, entry.name)
        if match is None or not _is_in_lake(lake, entry.name):
            continue
        with suppress(ValueError):  # it looks like a date and is none
            files = file_names(Path(entry.name)).values()
            exports[date.fromisoformat(match[1])] = [file.as_posix() for file in reversed(files)]
    return exports


def _is_in_lake(lake: Lake, name: str) -> bool:
    """Whether no symbolic link leads out of the lake."""
    return not lake.store.is_local or Path(lake.url(name)).resolve().is_relative_to(
        Path(lake.url()).resolve()
    )
