"""What the program does with Entra tenants."""

from typing import Final

from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.directories.entra import reader
from opensense_okta.directories.entra.doctor import examine
from opensense_okta.directories.protocol import Kind

KIND: Final = Kind[EntraDirectory](
    reader.FILES,
    reader.source_scope,
    reader.Reader,
    examine,
    source="tenant",
    description="The Entra tenant that {directory} is read from, by Microsoft Graph.",
    located=lambda settings: {"tenant_id": settings.tenant_id},
)
