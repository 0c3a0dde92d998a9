"""Removes a person from everything that the lake stores: the only operation that changes stored tables."""
