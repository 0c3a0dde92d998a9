"""The kinds of directories. To add one: see `protocol.py`."""

from collections.abc import Mapping
from typing import Any

from opensense_okta.config.directory_models import Directory
from opensense_okta.directories.csv import doctor as csv_doctor
from opensense_okta.directories.csv import reader as csv
from opensense_okta.directories.entra import doctor as entra_doctor
from opensense_okta.directories.entra import reader as entra
from opensense_okta.directories.google import doctor as google_doctor
from opensense_okta.directories.google import reader as google
from opensense_okta.directories.okta import doctor as okta_doctor
from opensense_okta.directories.okta import reader as okta
from opensense_okta.directories.protocol import Kind

KINDS: Mapping[str, Kind[Any]] = {
    "okta": Kind(
        okta.FILES,
        okta.source_scope,
        okta.Reader,
        okta_doctor.examine,
        source="organization",
        description="The Okta organization that {directory} is read from, by Okta's API.",
        located=lambda settings: {"dagster/uri": settings.endpoint},
        full_read_days=okta.full_read_days,
        members_read="members_to_carry_over",
    ),
    "entra": Kind(
        entra.FILES,
        entra.source_scope,
        entra.Reader,
        entra_doctor.examine,
        source="tenant",
        description="The Entra tenant that {directory} is read from, by Microsoft Graph.",
        located=lambda settings: {"tenant_id": settings.tenant_id},
    ),
    "google": Kind(
        google.FILES,
        google.source_scope,
        google.Reader,
        google_doctor.examine,
        source="customer",
        description="The Google Workspace account that {directory} is read from, by the Directory API.",
        located=lambda settings: {"customer": settings.customer},
        compared=google.COMPARED,
    ),
    "csv": Kind(
        csv.FILES,
        csv.source_scope,
        csv.Reader,
        csv_doctor.examine,
        source="files",
        description="The files that {directory} is read from: the export of another system, such as HR's.",
        compared=csv.COMPARED,
    ),
}


def kind_of(settings: Directory) -> Kind[Any]:
    """The kind of a directory with these settings."""
    return KINDS[settings.kind]
