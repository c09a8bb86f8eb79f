"""The CAST experiment: settings, arms, search on dev, scores on test, run folder."""
