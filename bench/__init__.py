"""Load and comparisons: Locust users, and `python -m bench` to measure a running server."""
