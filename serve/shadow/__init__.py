"""Live shadowing: another version scores a share of the answered requests, without answering them."""
