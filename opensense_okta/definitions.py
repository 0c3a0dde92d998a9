"""Dagster's entry point: the definitions of all organizations."""

import dagster as dg

from opensense_okta.config.environment import data_root, organizations_folder, set_private_umask
from opensense_okta.config.load import load_organizations
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.resources import LakeResource


@dg.definitions
def defs() -> dg.Definitions:
    """Reads the organization files and builds the definitions; the files it writes are private."""
    set_private_umask()
    organizations = load_organizations(organizations_folder())
    return build_definitions(organizations, LakeResource(root=str(data_root())))
