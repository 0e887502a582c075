"""What an engine and a request cost in instructions, beside what they cost before: no noise of a machine is in it."""
