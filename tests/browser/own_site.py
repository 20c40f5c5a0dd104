"""The provider that browsers visit, in its own thread: the demo over http, or production over https."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from playwright.sync_api import Browser, BrowserContext
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.every_page import admit
from tests.support.one_application import open_application
from tests.support.person import Person
from tests.support.token_requests import PRODUCTION
from tests.support.waiting import ANSWER_SECONDS, POLL_SECONDS

#: Here one address logs many people in, and one of them fails on purpose.
UNLIMITED: dict[str, Any] = {"OAUTH2_RATE_LIMITS": {"login": 0}, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 1000}


class SilentHandler(WSGIRequestHandler):
    """Leaves the log to the application."""

    def log_request(self, *_arguments: Any) -> None:
        pass


class Visitor(Person):
    """A person at this site, with a password where it takes one."""

    def __init__(self, site: OwnSite) -> None:
        super().__init__(site.url)
        if site.certificate:
            self.session.verify = str(site.certificate)


@dataclass(frozen=True)
class OwnSite:
    """Where the provider is, the application that answers, and how people come to an account."""

    application: Flask
    url: str
    certificate: Path | None

    @property
    def is_demo(self) -> bool:
        return self.certificate is None

    def admit(self, username: str) -> Visitor:
        """Return a person who is logged in, with a new account where there is none of that name."""
        visitor = Visitor(self)
        admit(visitor, self.application, username)
        return visitor

    def open_browser(self, chromium: Browser, person: Person | None = None, **options: Any) -> BrowserContext:
        """Open a browser profile, logged in as a person is."""
        context = chromium.new_context(ignore_https_errors=True, base_url=self.url, **options)
        context.set_default_timeout(ANSWER_SECONDS * 1000)
        if person:
            self.hand_over(context, person)
        return context

    def hand_over(self, context: BrowserContext, person: Person) -> None:
        """Have a browser be logged in as this person is, and as nobody else."""
        secure = {} if self.is_demo else {"secure": True, "httpOnly": True}
        context.clear_cookies()
        for cookie in person.session.cookies:
            context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": self.url, **secure}])  # type: ignore[typeddict-item]


@contextmanager
def open_site(folder: Path, *, is_demo: bool = True, host: str = "127.0.0.1", **settings: Any) -> Iterator[OwnSite]:
    """Serve an application of its own from a folder, until the block ends. Browsers call it by ``host``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"{host}:{listener.getsockname()[1]}"
        url = f"http{'' if is_demo else 's'}://{address}"
        tls, certificate = (None, None) if is_demo else _make_certificate(folder)
        config: dict[str, Any] = {} if is_demo else PRODUCTION | UNLIMITED | {"OAUTH2_ISSUER": url}
        config |= settings
        with open_application(folder, **config) as application:
            server = make_server(
                "127.0.0.1", 0, application, threaded=True, request_handler=SilentHandler, ssl_context=tls,
                fd=listener.fileno(),
            )  # fmt: skip
            thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
            thread.start()
            try:
                yield OwnSite(application, url, certificate)
            finally:
                server.shutdown()
                thread.join()
                server.server_close()


def _make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file
