"""What is measured, and how (`make bench`)."""

import os

# Processes without bytecode compile Dagster and pandas at each start: 4 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
