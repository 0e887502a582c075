"""Retro-shadow: what a candidate would have answered to the applications of the last weeks, beside production."""
