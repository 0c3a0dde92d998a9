"""The simulated company, and what changes in it from day to day."""
