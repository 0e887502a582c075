"""Notices to people, and whether they arrived."""
