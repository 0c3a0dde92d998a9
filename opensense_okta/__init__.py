"""Keeps a company's directory current: reads it every day, resolves, checks and publishes it."""
