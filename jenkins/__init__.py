"""Schedules, drift checks and the pipelines of the CI server."""
