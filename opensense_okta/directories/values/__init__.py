"""The values of attributes, computed from the raw profiles of a directory."""
