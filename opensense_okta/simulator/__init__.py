"""A local Okta org that answers as the real one does: for the demo, the tests, the benchmarks."""
