"""What operators ask for in a page, which the schedule's process does."""
