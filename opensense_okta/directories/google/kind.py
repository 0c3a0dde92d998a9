"""What the program does with Google Workspace accounts."""

from typing import Final

from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.directories.google import reader
from opensense_okta.directories.google.doctor import examine
from opensense_okta.directories.protocol import Kind

KIND: Final = Kind[GoogleDirectory](
    reader.FILES,
    reader.source_scope,
    reader.Reader,
    examine,
    source="customer",
    description="The Google Workspace account that {directory} is read from, by the Directory API.",
    located=lambda settings: {"customer": settings.customer},
    compared=reader.COMPARED,
)
