"""People who log in to the pages: accounts, passwords, roles. Programs have API keys (`serve/access/`)."""
