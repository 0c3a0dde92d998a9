"""Dagster's instance of this project."""
