"""Okta's API, in front of the simulated company."""
