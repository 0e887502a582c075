"""The way to the pages for people (`desk/`), which run in a process of their own."""
