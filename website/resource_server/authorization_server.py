"""The authorization server over HTTP: its metadata, its public keys, and introspection."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from .cached_document import CachedDocument
from .refusals import UnavailableError
from .resource_metadata import check_url

MAX_BYTES = 256 * 1024
CONNECTIONS = 32
METADATA_SECONDS = 3600.0
_log = logging.getLogger(__name__)


class AuthorizationServer:
    """The server of one issuer. Every method raises :class:`.refusals.UnavailableError` if it doesn't respond."""

    def __init__(self, issuer: str, timeout_seconds: float) -> None:
        self.issuer = issuer
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
        self._metadata = CachedDocument(self._fetch_metadata, METADATA_SECONDS)

    def fetch_keys(self) -> list[Any]:
        """Return the JWKs of its key set."""
        keys = self._send("GET", self._endpoint("jwks_uri")).get("keys")
        return keys if isinstance(keys, list) else self._fail("its key set has no keys")

    def introspect(self, token: str, credentials: tuple[str, str]) -> dict[str, Any]:
        """Return what the server says about a token (:rfc:`7662#section-2.2`)."""
        return self._send("POST", self._endpoint("introspection_endpoint"), {"token": token}, credentials)

    def _endpoint(self, name: str) -> str:
        url = self._metadata.get().get(name)
        return url if isinstance(url, str) else self._fail(f"its metadata has no {name}")

    def _fetch_metadata(self) -> dict[str, Any]:
        parts = urlsplit(self.issuer)
        path = parts.path.rstrip("/")
        metadata = self._send("GET", f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}")
        # The metadata must be for exactly the issuer that we trust (RFC 8414, section 3.3).
        if metadata.get("issuer") != self.issuer:
            self._fail(f"its metadata is for the issuer {metadata.get('issuer')!r}")
        for name in ("jwks_uri", "introspection_endpoint"):
            try:
                check_url(str(metadata.get(name, self.issuer)), name)
            except ValueError as error:
                self._fail(str(error))
        return metadata

    def _send(
        self, method: str, url: str, fields: dict[str, str] | None = None, credentials: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            with self._session.request(
                method, url, data=fields, auth=_encoded(credentials), timeout=self._timeout_seconds,
                allow_redirects=False, stream=True, headers={"Accept": "application/json"},
            ) as response:  # fmt: skip
                if response.status_code != HTTPStatus.OK:
                    self._fail(f"{url} answered {response.status_code}")
                answer = json.loads(self._read(response))
        except (requests.RequestException, ValueError, RecursionError) as error:
            self._fail(f"{url}: {type(error).__name__}")
        return answer if isinstance(answer, dict) else self._fail(f"{url} answered no JSON object")

    def _read(self, response: requests.Response) -> bytes:
        content = b""
        for part in response.iter_content(MAX_BYTES):
            content += part
            if len(content) > MAX_BYTES:
                self._fail(f"{response.url} answered too much")
        return content

    def _fail(self, reason: str) -> Any:
        """Log why, for the API's operator. Callers of the API aren't told."""
        _log.warning("The authorization server %s can't be used: %s.", self.issuer, reason)
        raise UnavailableError


def _encoded(credentials: tuple[str, str] | None) -> tuple[str, str] | None:
    """Encode for HTTP Basic authentication (:rfc:`6749#section-2.3.1`)."""
    if credentials is None:
        return None
    client_id, secret = (quote(value, safe="") for value in credentials)
    return client_id, secret
