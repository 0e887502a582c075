"""What is refused, so that the rest is answered in time: by what waits, what is in flight, and who asks."""
