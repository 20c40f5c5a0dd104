"""An authenticator app and its person: reads the secret from a page, shows codes (RFC 6238), keeps recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from dataclasses import dataclass, field

from tests.support.person import Answer, Person

SETUP_PAGE, LOGIN_PAGE = "/account/authenticator_app", "/login/second_factor"
STEP_SECONDS = 30


@dataclass
class Authenticator:
    """An app on a phone, with one account in it."""

    secret: bytes
    recovery_codes: list[str] = field(default_factory=list)

    @classmethod
    def scan(cls, page: Answer) -> Authenticator:
        found = re.search(r'<code class="secret">([A-Z2-7]+)</code>', page.text)
        assert found, page.text[:3000]
        text = found.group(1)
        return cls(base64.b32decode(text + "=" * (-len(text) % 8)))

    def code(self, steps: int = 0) -> str:
        """Return the code at this time (RFC 6238), or so many steps later."""
        counter = int(time.time()) // STEP_SECONDS + steps
        digest = hmac.new(self.secret, struct.pack(">Q", counter), hashlib.sha1).digest()
        start = digest[-1] & 15
        return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"

    def keep(self, page: Answer) -> None:
        """Write down the recovery codes that a page shows."""
        self.recovery_codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", page.text)


def set_up(person: Person, path: str = SETUP_PAGE) -> tuple[Authenticator, Answer]:
    """Set an app up on a page; return it, and the answer."""
    page = person.get(path)
    app = Authenticator.scan(page)
    answer = person.post(path, {**page.hidden_fields(), "code": app.code()})
    app.keep(answer)
    return app, answer


def enter(person: Person, path: str, **fields: str) -> Answer:
    """Send a code from the page that asks for a second factor."""
    return person.post(path, {**person.get(path).hidden_fields(), **fields})
