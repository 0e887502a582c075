"""Tests and distances between the reference and what came in, on counts of bins: pure computation, a file each."""
