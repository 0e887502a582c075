"""`python -m bench outage`: PostgreSQL away for long at full load: what waits, and how fast it is caught up."""
