"""Outcomes: a file of labels, what was recorded, and how late labels come."""
