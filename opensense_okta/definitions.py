"""Dagster's entry point: the definitions of all organizations."""

import logging
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from opensense_okta.config.environment import (
    data_root,
    organizations_folder,
    set_private_umask,
    switch_off_telemetry,
)
from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.instance.run_process import organizations_of_run
from opensense_okta.orchestration.resources import LakeResource
from opensense_okta.storage.organization_files import keep_valid_files, last_valid_files
from opensense_okta.storage.private_files import repair_home, repair_lakes
from opensense_okta.storage.store import StoreTrouble


@dg.definitions
def defs() -> dg.Definitions:
    """Reads the organization files and builds the definitions; the files it writes are private.

    A process that executes a run builds those of the run's organizations. While a file has mistakes, its last
    valid version counts.
    """
    set_private_umask()
    switch_off_telemetry()
    repair_home()
    folder, root = organizations_folder(), data_root()
    organizations = load_organizations(folder, organizations_of_run())
    for name, organization in organizations.items():
        if isinstance(organization, Organization) and organization.schedule_warning:
            logging.getLogger(__name__).warning("%s: %s", name, organization.schedule_warning)
    repair_lakes(root, organizations)
    last_valid = _last_valid(organizations, folder, root)
    return build_definitions(organizations, LakeResource(root=str(root)), last_valid=last_valid)


def _last_valid(
    organizations: Mapping[str, Organization | OrganizationFileError],
    folder: Path,
    root: Path | str,
) -> Mapping[str, Organization]:
    """Keeps the valid files, and returns the last valid versions of the others.

    Without an answer of the object store the definitions are loaded all the same: a code location that is not
    loaded stays so until a person reloads it, and a run that cannot be loaded is not retried.
    """
    try:
        keep_valid_files(organizations, folder, root)
        return last_valid_files(organizations, folder, root)
    except StoreTrouble as error:
        logging.getLogger(__name__).warning("The valid organization files are not kept: %s", error)
        return {}
