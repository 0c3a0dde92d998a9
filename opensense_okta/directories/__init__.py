"""Reading: one module per kind of directory, all behind one small protocol (`reader.py`)."""
