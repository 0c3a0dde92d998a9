"""Reads CSV files, as HR exports them."""
