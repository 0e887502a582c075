"""A Docker engine of our own for the tests, on a Debian machine that has none: started as root, and gone afterwards."""
