"""Dagster's UI behind a guard, as services that one command starts."""
