"""A local Okta org, Entra tenant and Google account that answer as the real APIs do, for demo and tests.

`company` is the simulated company; each vendor's folder is its API; the modules here are shared.
"""
