"""Where data is stored: the lake's files, and DuckDB, the engine that works on them."""
