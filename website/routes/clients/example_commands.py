"""Example commands to try a client: one group for each of its grants, ready to paste into a shell.

They name variables that the first group sets: a secret that is read from the terminal stays out of the shell's history.
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ... import scopes
from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...translatable import N_
from ...users.local_users import DEMO_PASSWORD

SIGNED = ("private_key_jwt", "client_secret_jwt")
#: The placeholder of a secret that isn't shown.
SECRET_PLACEHOLDER = "CLIENT_SECRET"
VERIFIER_PLACEHOLDER = "CODE_VERIFIER"
CLIENT_ID, CLIENT_SECRET = "${CLIENT_ID}", "${CLIENT_SECRET}"
#: What curl -F takes as it stands: a leading @ or < and any ; would mean something to it.
_PLAIN = re.compile(r"[A-Za-z0-9_\-.~:/?&=+%#]*\Z")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the commands go."""

    authorization_endpoint: str
    token_endpoint: str
    api: str
    #: Empty if devices are switched off.
    device_authorization_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: a link to open, or a command to paste."""

    text: str
    command: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """How one grant is tried out."""

    title: str
    steps: tuple[Step, ...]


def build_examples(
    client: Client, addresses: Addresses, username: str, is_demo: bool, resource: str = ""
) -> list[Example]:
    """Return how to try each grant of a client.

    ``resource`` is the identifier of an API that the client may request tokens for itself for.
    """
    commands = _Commands(client, addresses)
    builders = {
        "authorization_code": commands.authorization_code,
        DEVICE_CODE: commands.device_code,
        "client_credentials": lambda: commands.client_credentials(resource),
        "password": lambda: commands.password(username, DEMO_PASSWORD if is_demo else "PASSWORD"),
        "implicit": commands.implicit,
        "refresh_token": commands.refresh_token,
    }
    groups = [build() for grant_type, build in builders.items() if grant_type in client.grant_types]
    if not groups or client.token_endpoint_auth_method in SIGNED:
        return [*groups, *commands.api()] if groups else []
    return [commands.variables(), *groups, *commands.api()]


def build_exchange(
    client: Client, token_endpoint: str, code: str, redirect_uri: str, *, needs_verifier: bool
) -> Step | None:
    """Return how a code is exchanged, with placeholders for what isn't known here; ``None`` if that takes a library."""
    if client.token_endpoint_auth_method in SIGNED or not _PLAIN.match(client.client_id):
        return None
    fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)]
    verifier = [("code_verifier", VERIFIER_PLACEHOLDER)] if needs_verifier else []
    command = _Commands(client, Addresses("", token_endpoint, "")).write([*fields, *verifier], token_endpoint)
    command = command.replace(CLIENT_ID, client.client_id).replace(CLIENT_SECRET, SECRET_PLACEHOLDER)
    names = [name for name in (SECRET_PLACEHOLDER, VERIFIER_PLACEHOLDER) if name in command]
    if not names:
        return Step(N_("Exchange it for tokens:"), command)
    return Step(N_("Exchange it for tokens. Replace %(names)s first:", names=" and ".join(names)), command)


class _Commands:
    def __init__(self, client: Client, addresses: Addresses) -> None:
        self._client = client
        self._addresses = addresses
        self._redirect_uri = client.redirect_uris[0] if client.redirect_uris else ""

    def variables(self) -> Example:
        steps = [Step(N_("The commands below use these."), f"export CLIENT_ID={shlex.quote(self._client.client_id)}")]
        if self._client.needs_secret:
            text = N_("Run this, paste the client secret and press Enter. This keeps it out of your shell history.")
            steps.append(Step(text, "read -rs CLIENT_SECRET"))
        return Example(N_("Variables"), tuple(steps))

    def authorization_code(self) -> Example:
        verifier = secrets.token_urlsafe(32)
        challenge = [("code_challenge", create_s256_code_challenge(verifier)), ("code_challenge_method", "S256")]
        exchange = [
            ("grant_type", "authorization_code"),
            ("code", "CODE"),
            ("redirect_uri", self._redirect_uri),
            ("code_verifier", verifier),
        ]
        return Example(
            N_("Authorization code"),
            (
                Step(N_("Open this, log in and allow it:"), link=self._authorization_link("code", challenge)),
                self._token_step(
                    N_(
                        "You return to the redirect URI. Replace CODE with the value of code in its URL within a"
                        " minute. A code works once."
                    ),
                    exchange,
                ),
            ),
        )

    def device_code(self) -> Example:
        scope = [("scope", scopes.join(self._client.scope))]
        ask = self._step(N_("The device asks for its codes:"), scope, self._addresses.device_authorization_endpoint)
        poll = self._token_step(
            N_(
                "Open verification_uri_complete and allow it. Replace DEVICE_CODE with the device_code. A device sends"
                " this every 5 seconds until someone has decided."
            ),
            [("grant_type", DEVICE_CODE), ("device_code", "DEVICE_CODE")],
        )
        return Example(N_("Device"), (ask, poll))

    def client_credentials(self, resource: str) -> Example:
        fields = [("grant_type", "client_credentials")]
        scope = scopes.without_user_scopes(scopes.join(self._client.scope))
        if scope:
            fields.append(("scope", scope))
        text = N_("This token is the client's own. It isn't linked to a user.")
        steps = [self._token_step(text, fields)]
        if resource:
            at_api = [("grant_type", "client_credentials"), ("resource", resource)]
            steps.append(self._token_step(N_("To get a token for an API, send its identifier as resource:"), at_api))
        return Example(N_("Client credentials"), tuple(steps))

    def password(self, username: str, password: str) -> Example:
        fields = [("grant_type", "password"), ("username", username), ("password", password)]
        if self._client.scope:
            fields.append(("scope", scopes.join(self._client.scope)))
        return Example(N_("Password"), (self._token_step(N_("With your own username:"), fields),))

    def implicit(self) -> Example:
        text = N_("Open this. The access token is after the # in the redirect URI:")
        return Example(N_("Implicit"), (Step(text, link=self._authorization_link("token", [])),))

    def refresh_token(self) -> Example:
        fields = [("grant_type", "refresh_token"), ("refresh_token", "REFRESH_TOKEN")]
        text = N_(
            "Replace REFRESH_TOKEN with the refresh_token from a response above. It works once; the response includes"
            " the next one."
        )
        return Example(N_("Refresh token"), (self._token_step(text, fields),))

    def api(self) -> list[Example]:
        """Return how a person's token is used: nothing for a client that only gets tokens of its own."""
        if set(self._client.grant_types) <= {"client_credentials"}:
            return []
        command = _join(["curl", "-H", "'Authorization: Bearer ACCESS_TOKEN'"], [shlex.quote(self._addresses.api)])
        text = N_(
            "Replace ACCESS_TOKEN with an access_token from a response above. It must be a user's, with the scope"
            " profile."
        )
        return [Example(N_("Use the token"), (Step(text, command),))]

    def _authorization_link(self, response_type: str, more: list[tuple[str, str]]) -> str:
        parameters = [
            ("response_type", response_type),
            ("client_id", self._client.client_id),
            ("redirect_uri", self._redirect_uri),
            ("scope", scopes.join(self._client.scope)),
            ("state", secrets.token_urlsafe(9)),
            *more,
        ]
        filled_in = [(name, value) for name, value in parameters if value]
        return f"{self._addresses.authorization_endpoint}?{urlencode(filled_in)}"

    def _token_step(self, text: str, fields: list[tuple[str, str]]) -> Step:
        return self._step(text, fields, self._addresses.token_endpoint)

    def _step(self, text: str, fields: list[tuple[str, str]], endpoint: str) -> Step:
        if self._client.token_endpoint_auth_method in SIGNED:
            return Step(N_("The client signs a JWT for each token request. Use a library for that."))
        return Step(text, self.write(fields, endpoint))

    def write(self, fields: list[tuple[str, str]], endpoint: str) -> str:
        """Return the command that sends fields to an endpoint, with the client's authentication."""
        method = self._client.token_endpoint_auth_method
        words, lines = ["curl"], [_field(name, value) for name, value in fields if value]
        if method == "client_secret_basic":
            words += ["-u", f'"{CLIENT_ID}:{CLIENT_SECRET}"']
        else:
            lines.append(["-F", f'client_id="{CLIENT_ID}"'])
        if method == "client_secret_post":
            lines.append(["-F", f'client_secret="{CLIENT_SECRET}"'])
        return _join(words, ["-XPOST", shlex.quote(endpoint)], *lines)


def _field(name: str, value: str) -> list[str]:
    return ["-F" if _PLAIN.match(value) else "--form-string", shlex.quote(f"{name}={value}")]


def _join(*lines: list[str]) -> str:
    """Return a command of several lines, whose words are quoted for the shell already."""
    return " \\\n  ".join(" ".join(line) for line in lines)
