"""Emails: their outbox, the messages made of its rows, and sending them by SMTP; in the demo, writing them to a folder.

May use outbox and audit. It knows neither templates nor links: the pages register those.
"""

from .demo_folder import DemoFolder
from .kinds import LINK_KINDS
from .mail_queue import QueuedMail
from .message_headers import Content
from .sending import DEMO_ISSUER, Mail
from .smtp_client import describe_failure

__all__ = ["DEMO_ISSUER", "LINK_KINDS", "Content", "DemoFolder", "Mail", "QueuedMail", "describe_failure"]
