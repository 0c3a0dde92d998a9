"""One organization never runs twice at once: the locks of runs, in files or in PostgreSQL."""
