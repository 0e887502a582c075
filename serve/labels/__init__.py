"""Labels: what became of applications, as it comes from outside; checked whole, and recorded whole or not at all."""
