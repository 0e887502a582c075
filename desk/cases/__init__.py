"""The desk of case officers: a queue, a page for each case, and a page for supervisors."""
