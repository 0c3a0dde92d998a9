"""What the program does with CSV files."""

from typing import Final

from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.directories.csv import reader
from opensense_okta.directories.csv.doctor import examine
from opensense_okta.directories.protocol import Kind

KIND: Final = Kind[CsvDirectory](
    reader.FILES,
    reader.source_scope,
    reader.Reader,
    examine,
    source="files",
    description="The files that {directory} is read from: the export of another system, such as HR's.",
    compared=reader.COMPARED,
)
