"""The prediction log: every answer is on local disk before it is sent, and soon afterwards in PostgreSQL, exactly
once.
"""
