"""Reports of checks, each with an address."""
