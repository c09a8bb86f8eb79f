"""Examine a model on this machine: our own path against plain Hugging Face, check by check."""
