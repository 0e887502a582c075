"""`Idempotency-Key`: a request that is sent again, by whichever worker it comes to, gets the first one's answer and
makes no second record."""
