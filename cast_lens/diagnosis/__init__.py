"""What a person runs first on a new model or task: every block, from several sides."""
