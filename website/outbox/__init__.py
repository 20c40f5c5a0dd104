"""The sender of an outbox: messages stored with a change, and sent afterwards with retries.

May use the database. Logout notices (sessions) and emails (mail) each have a sender, a table and a way to send.
"""

from .queue_protocol import Backlog, Message, Queue, UndeliverableError
from .sender import OutboxSender

__all__ = ["Backlog", "Message", "OutboxSender", "Queue", "UndeliverableError"]
