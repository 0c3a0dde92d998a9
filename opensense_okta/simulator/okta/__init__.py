"""The Okta API of the simulated company: users, groups, members, and the token endpoint."""
