"""Text from outside, before it goes into a report."""

from __future__ import annotations


def writable(text: str) -> str:
    """As it can be encoded: a message of the operating system may quote bytes that are no text."""
    return text.encode("utf-8", "replace").decode("utf-8")
