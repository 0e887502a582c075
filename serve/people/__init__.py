"""Accounts, passwords and roles of people who log in to the pages. Programs have API keys (`serve/access/`)."""
