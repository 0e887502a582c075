"""Cases: answers to review, officers' actions on them, and their storage."""
