"""What runs say about themselves in tags: the words jobs, assets and the retry sensor share."""

from typing import Final

ORGANIZATION: Final = "opensense/organization"
"""The organization's name; on both of its jobs, so on every run of theirs."""

PARTITION: Final = "dagster/partition"
"""The run's day, as Dagster itself tags it."""

CHAIN: Final = "opensense/chain"
"""The run id of the chain's first run, which itself goes without this tag."""

TRY: Final = "opensense/try"
"""Which try of its chain the run is, from "2" on; a first try goes without it."""

FAILURE: Final = "opensense/failure"
"""Why the run failed: one of the three values below. A failed run without it was killed."""

HEALS: Final = "heals"
"""Time heals it: the same job started again later may well succeed."""

PERMANENT: Final = "permanent"
"""Time does not heal it: credentials, a scope, the configuration."""

HELD: Final = "held"
"""The guards or the data checks hold publishing back: people decide, not time."""

RETRY_AT: Final = "opensense/retry_at"
"""When the API answers again (ISO 8601, UTC): trying earlier is useless."""
