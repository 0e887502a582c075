"""What goes through a broker, and what every broker offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

REASON_HEADER: Final = "Reason"
"""Of a dead letter, where a broker's messages have headers."""
REASON_LETTERS: Final = 2_000
"""Maximum length of a reason: it may quote the message, and headers count as part of a message."""


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
    """One line without control characters, as headers and columns of text need it."""

    def __post_init__(self) -> None:
        """The reason may quote any character of the message: escape it."""
        object.__setattr__(self, "reason", _one_line(self.reason))

    def within(self, most: int) -> tuple[bytes, str]:
        """Body and reason. A body of more than `most` bytes is left out, and the reason says so."""
        body = self.message.body
        if len(body) <= most:
            return body, self.reason
        return b"", f"{self.reason}; the body is left out, it has {len(body)} bytes"


def _one_line(reason: str) -> str:
    line = " ".join(reason.split())
    escaped = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    return escaped if len(escaped) <= REASON_LETTERS else f"{escaped[:REASON_LETTERS]} ..."


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
