"""The key that signs ID tokens: a file that only the server reads."""

import json
import secrets
from pathlib import Path

from flask import current_app
from joserfc.jwk import RSAKey


def key_file():
    return Path(current_app.instance_path) / current_app.config["KEY_FILE"]


def create_key():
    """Create the key unless there is one."""
    if not key_file().exists():
        key = RSAKey.generate_key(2048, {"kid": secrets.token_urlsafe(8), "use": "sig", "alg": "RS256"})
        key_file().touch(mode=0o600)
        key_file().write_text(json.dumps(key.as_dict(private=True)))


def load_key():
    return RSAKey.import_key(json.loads(key_file().read_text()))
