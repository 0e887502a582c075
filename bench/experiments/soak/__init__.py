"""`python -m bench soak`: memory and latency over time, and what becomes of the server at twice what it can do."""
