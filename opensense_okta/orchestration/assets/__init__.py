"""The assets of an organization: what they are, how they are made, and what Dagster shows of them."""
