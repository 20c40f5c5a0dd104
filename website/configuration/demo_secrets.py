"""Owns the secrets that the demo makes for itself, for a learner to have none to think of."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from ..database.private_files import make_private_file, make_private_folder
from ..keys.key_encryption import new_key
from .loading import Configuration

SOURCE = "made by the demo"


def fill_in(configuration: Configuration) -> Configuration:
    """Return the demo's configuration with a SECRET_KEY and a key-encryption key, made once and kept."""
    settings = configuration.settings
    if not settings.demo:
        return configuration
    folder = Path(settings.instance_path).absolute()
    sources = dict(configuration.sources)
    if not settings.secret_key:
        settings = replace(settings, secret_key=_read_or_make(folder / "secret_key", secrets.token_urlsafe(32)))
        sources["SECRET_KEY"] = SOURCE
    if not settings.key_encryption_key:
        settings = replace(settings, key_encryption_key=_read_or_make(folder / "key_encryption_key", new_key()))
        sources["OAUTH2_KEY_ENCRYPTION_KEY"] = SOURCE
    return replace(configuration, settings=settings, sources=sources)


def _read_or_make(file: Path, fresh: str) -> str:
    """Return the file's secret; the first of several processes to come makes it, readable by this user only."""
    make_private_folder(file.parent)
    make_private_file(file, fresh)
    return file.read_text().strip()
