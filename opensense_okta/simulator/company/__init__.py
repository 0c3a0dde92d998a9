"""The simulated company and its days."""
