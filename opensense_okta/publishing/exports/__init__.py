"""The published people as files for other programs."""
