"""One run as one page."""
