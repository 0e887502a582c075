"""Checks of simulated windows whose change is known: how often the monitor cries wolf, and what it finds."""
