"""What the sender of an outbox needs of its messages and of the table that they're stored in.

The tables are those of ``mail/mail_queue.py`` and ``sessions/logout_queue.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar


class Message(Protocol):
    """A stored message."""

    @property
    def id(self) -> str: ...

    @property
    def receiver(self) -> str:
        """Whose turn it is: messages to one receiver are sent one after another."""

    @property
    def tries(self) -> int:
        """The number of attempts, including the current one."""


MessageT = TypeVar("MessageT", bound=Message)


class UndeliverableError(Exception):
    """No further attempt would help; the text says why, without anything secret."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages of a queue haven't been sent."""

    waiting: int
    #: Those given up, which are kept for the operator.
    failed: int


class Queue(Protocol[MessageT]):
    """The messages that wait in a table.

    A claim keeps others from sending a message, until its sender is presumed dead.
    """

    def find_next(self) -> int | None:
        """Return when the next message is or was due; ``None`` if none is waiting."""

    def list_due_receivers(self) -> list[str]:
        """Return the receivers with due messages, longest waiting first."""

    def claim(self, receiver: str) -> MessageT | None:
        """Claim a receiver's next due message."""

    def settle(self, message: MessageT) -> None:
        """Take out a message that was sent or is no longer wanted."""

    def postpone(self, message: MessageT, seconds: int) -> None:
        """Retry a message after so many seconds, and send the receiver's other messages no earlier."""

    def postpone_others(self, message: MessageT, seconds: int) -> None:
        """Send a receiver's other messages no earlier than in so many seconds."""

    def give_up(self, message: MessageT) -> None:
        """Stop sending a message, but keep it for a while."""

    def read_backlog(self) -> Backlog:
        """Count the messages that wait or were given up."""
