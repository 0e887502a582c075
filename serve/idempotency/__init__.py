"""`Idempotency-Key`: a repeated request, at any worker, gets the first one's answer and makes no second record."""
