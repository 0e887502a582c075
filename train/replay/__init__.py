"""The twelve-month test: training, gate, promotion and a running server, month after month, apart from production."""
