"""Reverse proxy to the desk (`desk/`), the pages for people, which runs in its own process."""
