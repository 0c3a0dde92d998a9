"""The HTML report of the published day."""
