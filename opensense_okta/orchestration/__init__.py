"""Dagster only: assets, checks, jobs, schedules, sensors; thin, and the core knows nothing of it."""
