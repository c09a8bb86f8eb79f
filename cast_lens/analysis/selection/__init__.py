"""Choosing examples from a pool that are influential and unlike one another."""
