"""The desk of case officers: a queue, a page for each case, and one for who supervises."""
