"""What goes through a broker, and what every broker offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """An application as it came."""

    key: str
    """By which the broker knows it; its answer has the same."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about an application."""

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An application that can't be scored."""

    key: str
    body: bytes
    reason: str


class Broker(Protocol):
    """Where applications come from and answers go to."""

    def take(self, count: int) -> Sequence[Message]:
        """Up to so many applications, which nobody else gets meanwhile; waits a moment where there are none.

        Raises:
            ProjectError: the broker does not answer.
        """

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Have what was taken last answered for good: all of it, or none."""

    def is_empty(self) -> bool:
        """Whether every application is settled, also those that others have taken."""

    def close(self) -> None:
        """Let go of it; what was taken and not settled is anybody's again."""
