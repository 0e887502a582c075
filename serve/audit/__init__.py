"""The audit of the prediction log: verification that every record is unchanged; and erasure of one person."""
