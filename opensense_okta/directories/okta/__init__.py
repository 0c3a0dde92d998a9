"""Reads an Okta organization."""
