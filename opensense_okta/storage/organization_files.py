"""The last valid version of each organization file. It counts while the file has mistakes.

A copy of every valid file is kept in the lake's root, in `.organization_files`, whenever the files are
loaded. So a mistake in the file of a working organization does not end its syncs. A file that is removed
has no mistakes: its organization is gone, and its copy does not count.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opensense_okta.config.errors import UserError
from opensense_okta.config.load import load_organization, load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.storage.files import atomic_write, make_private_dir
from opensense_okta.storage.opening import open_store
from opensense_okta.storage.store import ABSENT, Store, StoreDenied, StoreTrouble

COPIES = ".organization_files"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Organizations:
    """All organizations of a folder, by name.

    Attributes:
        usable: as their files, or else the last valid versions of these, describe them.
        mistakes: the mistakes in files, also of organizations that are usable.
    """

    usable: Mapping[str, Organization]
    mistakes: Mapping[str, OrganizationFileError]

    @classmethod
    def of(
        cls,
        loaded: Mapping[str, Organization | OrganizationFileError],
        last_valid: Mapping[str, Organization],
    ) -> "Organizations":
        """Of the files as they are now, and of the last valid ones."""
        merged = {**loaded, **last_valid}
        return cls(
            usable={
                name: organization
                for name, organization in merged.items()
                if isinstance(organization, Organization)
            },
            mistakes={
                name: error
                for name, error in loaded.items()
                if isinstance(error, OrganizationFileError)
            },
        )


def read_organizations(folder: Path, root: Path | str) -> Organizations:
    """Loads the organizations; writes nothing.

    Args:
        folder: of the organization files.
        root: of the lake.

    Raises:
        EnvironmentMistake: there is no such folder.
    """
    loaded = load_organizations(folder)
    return Organizations.of(loaded, last_valid_files(loaded, folder, root))


def keep_valid_files(
    organizations: Mapping[str, Organization | OrganizationFileError],
    folder: Path,
    root: Path | str,
) -> None:
    """Copies the files of valid organizations, unless their copies are current.

    A copy that cannot be written is logged: the syncs do not need it as long as the file is valid.

    Args:
        organizations: all organizations by name, or the mistakes in their files.
        folder: of the organization files.
        root: of the lake.

    Raises:
        StoreTrouble: the object store did not answer.
    """
    store = open_store(root, "")
    for name, organization in organizations.items():
        if isinstance(organization, Organization):
            try:
                _keep(organization, folder, store)
            except (OSError, UserError) as error:
                if isinstance(error, StoreTrouble) and not isinstance(error, StoreDenied):
                    raise  # it would not answer for the others either, after half a minute for each
                _log.warning(
                    "%s: its valid file cannot be copied to %s (%s). If the file has a mistake later,"
                    " nothing is synced until it is corrected.",
                    name,
                    store.url(COPIES),
                    error.message if isinstance(error, UserError) else error.strerror,
                )


def last_valid_files(
    organizations: Mapping[str, Organization | OrganizationFileError],
    folder: Path,
    root: Path | str,
) -> dict[str, Organization]:
    """The organizations whose files have mistakes now, as their last valid files describe them.

    Args:
        organizations: all organizations by name, or the mistakes in their files.
        folder: of the organization files; relative paths in a file start there.
        root: of the lake.
    """
    found = {}
    mistaken = [
        name for name, loaded in organizations.items() if isinstance(loaded, OrganizationFileError)
    ]
    store = open_store(root, "") if mistaken else None
    for name in mistaken:
        copy = store.fetch(f"{COPIES}/{name}.yaml") if store else None
        if copy is not None:
            try:
                found[name] = load_organization(copy, name=name, folder=folder)
            except OrganizationFileError:  # valid for an earlier version of this program only
                continue
    return found


def _keep(organization: Organization, folder: Path, store: Store) -> None:
    files = [folder / f"{organization.name}{suffix}" for suffix in (".yaml", ".yml")]
    file = next(file for file in files if file.is_file())
    text, name = file.read_text(encoding="utf-8-sig").encode(), f"{COPIES}/{organization.name}.yaml"
    kept = store.read(name)
    if kept is not None and kept.data == text:
        return
    copies = make_private_dir(store.scratch / COPIES)
    new = copies / f".{organization.name}.yaml.{secrets.token_hex(4)}"
    atomic_write(new, text)
    try:  # the file may have been edited since it was loaded
        load_organization(new, name=organization.name, folder=folder)
        store.keep(new, name, kept.version if kept else ABSENT)
    except OrganizationFileError:
        return
    finally:
        new.unlink(missing_ok=True)
