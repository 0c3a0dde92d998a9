"""Microsoft Entra ID of the simulated company: the login endpoint, and Graph's users and groups."""
