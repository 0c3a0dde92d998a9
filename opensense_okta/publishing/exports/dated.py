"""The files of earlier exports, if the organization file puts the day into their path."""

import glob
import re
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath

from opensense_okta.config.export_path import DAY
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.files import file_names
from opensense_okta.storage.lake import Lake


def dated_exports(organization: Organization, lake: Lake) -> dict[date, list[Path]]:
    """The files of all exports in the organization's folder of the lake, by the day in their path.

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
    anywhere = "????-??-??".join(map(glob.escape, [first, *others]))
    exports = {}
    for csv in lake.folder.glob(anywhere):
        match = re.fullmatch(pattern, csv.relative_to(lake.folder).as_posix())
        if match is None or not csv.resolve().is_relative_to(lake.folder.resolve()):
            continue
        with suppress(ValueError):  # it looks like a date and is none
            exports[date.fromisoformat(match[1])] = [*reversed(file_names(csv).values())]
    return exports


def delete_export(lake: Lake, day: date, files: list[Path]) -> None:
    """Deletes the files of a day, and its folders if nothing else is in them."""
    for file in files:
        file.unlink(missing_ok=True)
    folder = files[-1].parent
    with suppress(OSError):  # other files are in it
        while str(day) in folder.relative_to(lake.folder).as_posix():
            folder.rmdir()
            folder = folder.parent
