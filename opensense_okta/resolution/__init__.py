"""Accounts to people, in SQL on DuckDB: a pure function of the stored snapshots and the rules."""
