"""A local Microsoft Entra ID: its login endpoint and as much of Graph v1.0 as a directory needs."""
