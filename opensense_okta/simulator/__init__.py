"""A local Okta org and Entra tenant that answer as the real ones do: for demo, tests, benchmarks."""
