"""Tasks: labelled text items in three splits, read from folders and checked."""
