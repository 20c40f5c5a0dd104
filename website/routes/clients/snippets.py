"""What to paste into an application that has a client here: addresses, variables, and one snippet per framework."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import render_template

from ... import scopes
from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...known_applications.catalogue import KnownApplication, read_base
from ...oauth2.server import AuthorizationServer
from ...translatable import N_
from .example_commands import SECRET_PLACEHOLDER, SIGNED
from .try_it_callback import list_application_callbacks, lists_only_callback

DISCOVERY_PATH = "/.well-known/openid-configuration"
EXAMPLE_CALLBACK, USUAL_PORT = "http://127.0.0.1:8000/callback", 8000
#: Where an application that is tried out listens; a browser keeps the cookies of each name apart.
LOCAL_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Snippet:
    """One text to paste: into which file, for which framework, and what its author should know."""

    name: str
    title: str
    where: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pastes:
    """All that a client's developer needs: addresses and snippets. The discovery URL is empty if discovery is off."""

    issuer: str
    discovery: str
    snippets: list[Snippet]
    #: There is nothing to paste before the application has a redirect URI of its own.
    lacks_redirect_uri: bool = False


@dataclass(frozen=True, slots=True)
class _Framework:
    name: str
    title: str
    where: str
    note: str = ""


WEB = (
    _Framework("flask", "Flask", "app.py"),
    _Framework("fastapi", "FastAPI", "app.py"),
    _Framework(
        "nextjs",
        "Next.js",
        "auth.ts",
        N_("Based on the documentation of Auth.js 5. Register the redirect URI that ends in /api/auth/callback/sso."),
    ),
    _Framework("go", "Go", "main.go"),
)
SPA = (_Framework("spa", "JavaScript", "main.js", N_("Based on the documentation of oidc-client-ts 3.")),)
NATIVE = (_Framework("native", "Python", "login.py"),)
MACHINE = (_Framework("machine", "Python", "job.py"),)
DEVICE = (_Framework("device", "Python", "device.py"),)


def build_pastes(server: AuthorizationServer, client: Client, secret: str | None, issuer: str) -> Pastes:
    """Return what to paste for a client; without its secret, a placeholder stands for it.

    No snippets where the client signs JWTs with a key that only its developer has, where discovery is off, or where
    the only redirect URI is this server's own: an application would listen on this server's port.
    """
    if "oidc_discovery" not in server.registry.specifications:
        return Pastes(issuer, "", [])
    discovery = issuer + DISCOVERY_PATH
    if client.token_endpoint_auth_method in SIGNED:
        return Pastes(issuer, discovery, [])
    if lists_only_callback(client):
        return Pastes(issuer, discovery, [], lacks_redirect_uri=True)
    values = _values_of(client, issuer)
    frameworks = _frameworks_of(client, server.metadata.describe(issuer))
    snippets = [
        Snippet(framework.name, framework.title, framework.where, _render(framework.name, values), framework.note)
        for framework in frameworks
    ]
    if frameworks == SPA:  # a script in a browser reads no variables: its values are in it
        return Pastes(issuer, discovery, snippets)
    env = Snippet("env", N_("Environment variables"), ".env", _write_env(client, secret, issuer))
    return Pastes(issuer, discovery, [env, *snippets] if snippets else [])


def build_application_snippets(
    server: AuthorizationServer,
    client: Client,
    secret: str | None,
    application: KnownApplication,
    base: str,
    issuer: str,
) -> list[Snippet]:
    """Return a known application's configuration, with the values of its client and of this server in it."""
    described = server.metadata.describe(issuer)
    endpoints = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint")
    values = {
        "base": read_base(base) if application.has_base else "",
        "issuer": issuer,
        "discovery": issuer + DISCOVERY_PATH,
        "client_id": client.client_id,
        "client_secret": secret or SECRET_PLACEHOLDER,
        **{name: described.get(name, "") for name in endpoints},
    }
    return [
        Snippet(f"{application.name}-{number}", block.where, "", block.text)
        for number, block in enumerate(application.blocks_for(values), start=1)
    ]


def _frameworks_of(client: Client, described: Mapping[str, object]) -> tuple[_Framework, ...]:
    if "authorization_code" in client.grant_types and "userinfo_endpoint" in described:
        if not client.is_public:
            return WEB
        is_local = any(urlsplit(uri).hostname == "127.0.0.1" for uri in client.redirect_uris)
        return NATIVE if is_local else SPA
    if DEVICE_CODE in client.grant_types:
        return DEVICE
    return MACHINE if "client_credentials" in client.grant_types else ()


def _write_env(client: Client, secret: str | None, issuer: str) -> str:
    """Return the variables that all snippets read, as shells and python-dotenv read them."""
    variables = {"ISSUER": issuer, "CLIENT_ID": client.client_id}
    if client.needs_secret:
        variables["CLIENT_SECRET"] = secret or SECRET_PLACEHOLDER
    callbacks = list_application_callbacks(client)
    if callbacks:
        variables["REDIRECT_URI"] = callbacks[0]
    variables["SCOPE"] = scopes.join(client.scope)
    if callbacks and not client.is_public:
        variables["SECRET_KEY"] = secrets.token_hex(32)
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())


def _values_of(client: Client, issuer: str) -> dict[str, object]:
    redirect_uri = next(iter(list_application_callbacks(client)), "")
    callback = urlsplit(redirect_uri or EXAMPLE_CALLBACK)
    is_local, path = callback.hostname in LOCAL_HOSTS, callback.path or "/"
    return {
        "issuer": issuer,
        "discovery_path": DISCOVERY_PATH,
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "callback_path": path,
        # Two pages of one application can't have the same path.
        "home_path": "/home" if path == "/" else "/",
        "login_path": "/log-in" if path == "/login" else "/login",
        "host": callback.hostname if is_local else LOCAL_HOSTS[0],
        "port": (callback.port if is_local else None) or USUAL_PORT,
        "scope": scopes.join(client.scope),
    }


def _render(name: str, values: dict[str, object]) -> str:
    return render_template(f"snippets/{name}.txt", **values).strip() + "\n"
