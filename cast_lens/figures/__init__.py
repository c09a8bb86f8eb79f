"""Figures: functions from records to plotly figures, no model inside, no file written."""
