"""The gate's second half: champion and candidate side by side, loaded in turns, compared by ratios of latency."""
