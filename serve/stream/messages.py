"""What goes through a broker, and what every broker offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

REASON_HEADER: Final = "Reason"
"""Of a dead letter, where a broker's messages have headers."""


@dataclass(frozen=True, slots=True)
class Message:
    """An application as it came."""

    lane: str
    """The sequence that `number` counts in: a table, a stream, or a partition of a topic."""
    number: int
    body: bytes

    @property
    def key(self) -> str:
        """Identifies it within the broker."""
        return f"{self.lane}-{self.number}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about an application."""

    message: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An application that can't be scored."""

    message: Message
    reason: str

    @property
    def line(self) -> str:
        """The reason on one line, as headers need it."""
        return " ".join(self.reason.split())


class Broker(Protocol):
    """Where applications come from and answers go to."""

    @property
    def name(self) -> str:
        """Identifies the source among all that this machine may read."""

    def take(self, count: int) -> Sequence[Message]:
        """Up to `count` applications, which nobody else gets meanwhile; waits a moment where there are none.

        Raises:
            ProjectError: the broker does not answer.
        """

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Have what was taken last answered for good: all of it, or none.

        Raises:
            NotSettled: the broker has aborted it; the applications come again, here or at another bridge.
            ProjectError: the broker does not answer.
        """

    def is_empty(self) -> bool:
        """Whether every application is settled, also those that others have taken."""

    def close(self) -> None:
        """Let go of it; what was taken and not settled is anybody's again."""
