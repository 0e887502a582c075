"""A year of a desk of limited capacity: what labels of who was looked at say, with their weights and without."""
