"""Owns the secrets that the demo makes for itself, for a learner to have none to think of."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from .encryption import new_key
from .settings import Settings


def fill_in(settings: Settings) -> Settings:
    """Return the demo's settings with a SECRET_KEY and a key-encryption key, made once and kept."""
    if not settings.demo:
        return settings
    folder = Path(settings.instance_path).absolute()
    secret_key = settings.secret_key or _read_or_make(folder / "secret_key", secrets.token_urlsafe(32))
    encryption_key = settings.key_encryption_key or _read_or_make(folder / "key_encryption_key", new_key())
    return replace(settings, secret_key=secret_key, key_encryption_key=encryption_key)


def _read_or_make(file: Path, fresh: str) -> str:
    """Return the file's secret; the first of several processes to come makes it, readable by this user only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(fresh)
        try:
            os.link(draft, file)  # all of it or nothing, and only where there is none yet
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
