"""Measure the work against its floor, in one run, on the machine at hand."""
