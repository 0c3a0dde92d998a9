"""Finds a person, and explains each of the person's values."""
