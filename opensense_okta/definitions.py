"""Dagster's front door: all organizations' definitions, merged."""

from opensense_okta.config.environment import data_root, organizations_folder, set_private_umask
from opensense_okta.config.load import load_organizations
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.storage.lake import Lake

set_private_umask()
defs = build_definitions(
    load_organizations(organizations_folder()), lakes=lambda name: Lake(data_root(), name)
)
