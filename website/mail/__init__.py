"""Emails: their outbox, the messages made of its rows, and sending them by SMTP; in the demo, writing them to a folder.

May use outbox and audit. It knows neither templates nor links: the pages register those.
"""

from .mail_messages import QueuedMail
from .message_headers import Content
from .server_mail import Mail

__all__ = ["Content", "Mail", "QueuedMail"]
