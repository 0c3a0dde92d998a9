"""Guards: a day is compared with the published directory before it replaces it."""
