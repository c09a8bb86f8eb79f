"""Models: finding, loading and feeding them. Only `boot` imports the model library."""
