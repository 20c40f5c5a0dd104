"""The demo's emails: files in the instance folder, which /dev/mail shows instead of sending them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from ..database.private_files import make_private_file, make_private_folder
from ..settings import Settings
from .mail_queue import QueuedMail
from .message_headers import Content, Envelope

#: How many are kept.
MAX_FILES = 100
NAME = re.compile(r"[0-9]{10,}-[A-Za-z0-9_-]{22}\Z")


class DemoFolder:
    """The folder of one demo's emails."""

    def __init__(self, settings: Settings) -> None:
        self._folder = Path(settings.instance_path).absolute() / "mail"
        self._envelope = Envelope(settings)

    def send(self, message: QueuedMail, content: Content) -> None:
        """Write a message to the folder, and delete the oldest beyond the limit."""
        make_private_folder(self._folder)
        written = self._envelope.write(message, content).as_bytes().decode("utf-8")
        make_private_file(self._folder / f"{message.created_at}-{message.id}.eml", written)
        for file in self._files()[MAX_FILES:]:
            file.unlink(missing_ok=True)

    def list_messages(self) -> Iterator[tuple[str, EmailMessage]]:
        """Yield the messages by name, newest first."""
        for file in self._files():
            message = self.read(file.stem)
            if message is not None:
                yield file.stem, message

    def read(self, name: str) -> EmailMessage | None:
        """Return a message by its name."""
        if not NAME.match(name):
            return None
        try:
            return message_from_bytes((self._folder / f"{name}.eml").read_bytes(), policy=SMTP)
        except OSError:
            return None

    def _files(self) -> list[Path]:
        return sorted((file for file in self._folder.glob("*.eml") if NAME.match(file.stem)), reverse=True)
