"""Caches of results."""
