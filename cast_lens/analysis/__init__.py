"""Statistics and analyses: arrays in, records out, no model needed."""
