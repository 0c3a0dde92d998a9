"""Google's part of the simulated company: the Directory API of a Google Workspace account."""
