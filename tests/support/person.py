"""A person using a browser, simulated: reads forms, fills them in, follows redirects only when told.

Works on a Flask test client and, over real HTTP, on a running server.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import requests
from flask.testing import FlaskClient

from tests.support.waiting import ANSWER_SECONDS

Fields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]
REDIRECT_URI = "https://client.example/cb"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the query of the redirect."""
        return dict(parse_qsl(urlsplit(self.location).query))

    @property
    def fragment(self) -> dict[str, str]:
        """The parameters in the fragment of the redirect."""
        return dict(parse_qsl(urlsplit(self.location).fragment))

    def hidden_fields(self) -> dict[str, str]:
        """The hidden fields of the page's main form: the last one that has them."""
        forms = re.findall(r"<form\b.*?</form>", self.text, re.DOTALL)
        for form in reversed(forms):
            found = read_hidden_fields(form)
            if found and "/logout" not in form and "/language" not in form:
                return found
        return read_hidden_fields(self.text)

    def element(self, element_id: str) -> str:
        """The text of the element with an id."""
        found = re.search(rf'<(\w+)[^>]*\bid="{element_id}"[^>]*>(.*?)</\1>', self.text, re.DOTALL)
        assert found, f"no element with the id {element_id}"
        return html.unescape(re.sub(r"<[^>]+>", "", found.group(2))).strip()


def read_hidden_fields(markup: str) -> dict[str, str]:
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", markup):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return found


@dataclass
class Pkce:
    """A verifier and its S256 challenge."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def parameters(self) -> dict[str, str]:
        return {"code_challenge": self.challenge, "code_challenge_method": "S256"}


@dataclass(frozen=True)
class RegisteredClient:
    """A client as its developer knows it."""

    client_id: str
    secret: str | None

    @property
    def basic(self) -> dict[str, str]:
        pair = f"{self.client_id}:{self.secret}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


class Person:
    """One browser with its cookies."""

    def __init__(self, door: FlaskClient | str) -> None:
        self.door = door
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **headers: str) -> Answer:
        return self._send("GET", path, None, {"Accept": "text/html", **headers})

    def post(self, path: str, fields: Fields, **headers: str) -> Answer:
        return self._send("POST", path, fields, {"Accept": "text/html", **headers})

    def _send(self, method: str, path: str, fields: Fields | None, headers: dict[str, str]) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(self.door, str):
            answer: Any = self.session.request(
                method,
                urljoin(self.door, path),
                data=fields,
                headers=names,
                allow_redirects=False,
                timeout=ANSWER_SECONDS,
            )
            return Answer(answer.status_code, answer.headers, answer.text)
        body = None if fields is None else urlencode(fields, doseq=True)
        kind = None if fields is None else "application/x-www-form-urlencoded"
        answer = self.door.open(path, method=method, data=body, content_type=kind, headers=names)
        return Answer(answer.status_code, answer.headers, answer.get_data(as_text=True))

    def log_in(self, username: str = "alice", next_page: str = "") -> Answer:
        path = "/" + (f"?{urlencode({'next': next_page})}" if next_page else "")
        return self.post(path, {**self.get(path).hidden_fields(), "username": username})

    def log_out(self) -> Answer:
        return self.post("/logout", read_hidden_fields(self.get("/logout").text))

    def create_client(self, **fields: str | Sequence[str]) -> RegisteredClient:
        """Create a client on the page, a confidential one of the code grant by default."""
        chosen: dict[str, str | Sequence[str]] = {
            "client_name": "Photo Printer",
            "client_uri": "https://client.example",
            "scope": "profile",
            "redirect_uri": REDIRECT_URI,
            "grant_type": "authorization_code\nrefresh_token",
            "response_type": "code",
            "token_endpoint_auth_method": "client_secret_basic",
            **fields,
        }
        page = self.get("/create_client")
        answer = self.post("/create_client", {**page.hidden_fields(), **chosen})
        assert answer.status == 200, answer.text
        has_none = chosen["token_endpoint_auth_method"] in ("none", "private_key_jwt")
        secret = None if has_none else answer.element("client_secret")
        return RegisteredClient(answer.element("client_id"), secret)

    def ask(self, client: RegisteredClient | str, **parameters: str | None) -> Answer:
        """Open the authorization endpoint, with PKCE only where it is given."""
        client_id = client if isinstance(client, str) else client.client_id
        wanted = {"response_type": "code", "client_id": client_id, "redirect_uri": REDIRECT_URI, **parameters}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return self.get(f"/oauth/authorize?{query}")

    def decide(self, page: Answer, confirm: str = "yes", **changes: str) -> Answer:
        """Press a button of the consent page."""
        return self.post("/oauth/authorize", {**page.hidden_fields(), "confirm": confirm, **changes})

    def allow(self, client: RegisteredClient | str, **parameters: str | None) -> Answer:
        """Ask and say yes where the page asks; return the redirect to the client."""
        page = self.ask(client, **parameters)
        return self.decide(page) if page.status == 200 else page


def code_of(answer: Answer) -> str:
    found = parse_qs(urlsplit(answer.location).query).get("code")
    assert found, f"no code: {answer.status} {answer.location} {answer.text[:500]}"
    return found[0]
