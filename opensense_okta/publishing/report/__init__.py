"""The published day on one page."""
