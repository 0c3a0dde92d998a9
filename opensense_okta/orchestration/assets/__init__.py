"""The assets of an organization: their specs, the steps that make them, and their metadata."""
