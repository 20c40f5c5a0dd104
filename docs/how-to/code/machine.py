"""A program that acts for itself: it gets a token with its secret, and keeps it until shortly before it expires."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import requests

ISSUER = os.environ["ISSUER"]
CREDENTIALS = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]


@dataclass
class AccessToken:
    """The current token. Call :meth:`text` before each API call."""

    scope: str
    _text: str = ""
    _renew_at: float = 0

    def text(self) -> str:
        if time.monotonic() >= self._renew_at:
            answer = requests.post(
                f"{ISSUER}/oauth/token",
                data={"grant_type": "client_credentials", "scope": self.scope},
                auth=CREDENTIALS,
                timeout=10,
            )
            answer.raise_for_status()
            self._text = answer.json()["access_token"]
            self._renew_at = time.monotonic() + answer.json()["expires_in"] - 30
        return self._text


token = AccessToken("profile")
# Both lines ask for a token; only the first sends a request.
print(token.text()[:5], "is the prefix of every sealed token")
print("The same token again:", token.text() == token.text())
