"""Guards: they compare a day with the published directory before the day replaces it."""
