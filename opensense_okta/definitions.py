"""Dagster's entry point: the definitions of all organizations."""

import dagster as dg

from opensense_okta.config.environment import data_root, organizations_folder, set_private_umask
from opensense_okta.config.load import load_organizations
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.storage.lake import Lake


@dg.definitions
def defs() -> dg.Definitions:
    """Reads the organization files and builds the definitions; the files it writes are private."""
    set_private_umask()
    return build_definitions(
        load_organizations(organizations_folder()), lakes=lambda name: Lake(data_root(), name)
    )
