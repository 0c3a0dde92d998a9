"""What the program does with Okta organizations."""

from typing import Final

from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.directories.okta import reader
from opensense_okta.directories.okta.doctor import examine
from opensense_okta.directories.protocol import Kind

KIND: Final = Kind[OktaDirectory](
    reader.FILES,
    reader.source_scope,
    reader.Reader,
    examine,
    source="organization",
    description="The Okta organization that {directory} is read from, by Okta's API.",
    located=lambda settings: {"dagster/uri": settings.endpoint},
    full_read_days=reader.full_read_days,
    members_read="members_to_carry_over",
)
