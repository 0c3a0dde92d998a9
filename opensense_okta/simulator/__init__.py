"""A local Okta org and Entra tenant that answer as the real APIs do, for demo and tests.

`company` is the simulated company; each vendor's folder is its API; the modules here are shared.
"""
