"""Prompts as text: built from tasks, not yet tokens."""
