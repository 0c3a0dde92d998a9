"""Reads a Google Workspace account over the Directory API of the Admin SDK."""
