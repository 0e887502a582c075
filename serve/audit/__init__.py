"""The audit of the prediction log: is every answer on record as it was given; and the erasure of one person."""
