"""The plain words for what a client may choose: grants, response types, authentication, scopes."""

from __future__ import annotations

from dataclasses import dataclass

from ..clients.client import BY_SECRET, EITHER_WAY
from ..clients.metadata import Offered
from ..oauth2.server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a form: its name in the standards, what it means, and why not, where there is a why not."""

    value: str
    meaning: str
    warning: str = ""
    label: str = ""


PASSWORD_WARNING = (
    "Not for new clients: people type their password into the client, which learns it (RFC 9700, section 2.4)."
)
IMPLICIT_WARNING = (
    "Not for new clients: the token is in the address bar, where others can read it (RFC 9700, section 2.1.2)."
)
GRANT_TYPES = (
    Choice("authorization_code", "A person logs in here and returns to the client with a code. The usual way."),
    Choice("refresh_token", "New access tokens without asking the person again."),
    Choice("client_credentials", "The client acts for itself: no person is involved."),
    Choice("password", "The client asks people for their password itself.", PASSWORD_WARNING),
    Choice("implicit", "The access token comes straight to the browser.", IMPLICIT_WARNING),
)
RESPONSE_TYPES = (
    Choice("code", "With authorization_code: a code, worth nothing without the client."),
    Choice("token", "With implicit: the access token itself.", IMPLICIT_WARNING),
    Choice("id_token", "With implicit: an ID token only, which says who logged in."),
    Choice("id_token token", "With implicit: an ID token and the access token.", IMPLICIT_WARNING),
    Choice("code id_token", "With both grants: a code, and an ID token right away."),
    Choice("code token", "With both grants: a code, and an access token right away.", IMPLICIT_WARNING),
    Choice("code id_token token", "With both grants: all three.", IMPLICIT_WARNING),
)
AUTH_METHODS = (
    Choice(EITHER_WAY, "For a client on a server: the secret, in the Authorization header or in the body."),
    Choice("client_secret_basic", "The secret, in the Authorization header only."),
    Choice("client_secret_post", "The secret, in the body only."),
    Choice(
        "private_key_jwt",
        "Signs a JWT with its own key. Register the public key under More fields, as jwks or jwks_uri.",
    ),
    Choice("client_secret_jwt", "Signs a JWT with the secret; the secret is never sent."),
    Choice("none", "For a client that can't keep a secret: an app, or a script in a browser. It uses PKCE instead."),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form of a client offers on this server."""

    grant_types: tuple[Choice, ...]
    response_types: tuple[Choice, ...]
    auth_methods: tuple[Choice, ...]
    scopes: tuple[Choice, ...]


def list_choices(server: AuthorizationServer, offered: Offered) -> Choices:
    """Return what is offered, in words."""
    both = (EITHER_WAY,) if set(offered.auth_methods) >= BY_SECRET else ()
    return Choices(
        grant_types=_of(GRANT_TYPES, offered.grant_types),
        response_types=_of(RESPONSE_TYPES, offered.response_types),
        auth_methods=_of(AUTH_METHODS, (*both, *offered.auth_methods)),
        scopes=tuple(
            Choice(scope, words) for scope, words in server.registry.scopes.items() if scope in offered.scopes
        ),
    )


def _of(choices: tuple[Choice, ...], offered: tuple[str, ...]) -> tuple[Choice, ...]:
    """Return what is offered: in our order and words, then what only a specification of the embedder's knows."""
    values = {choice.value for choice in choices}
    ours = tuple(choice for choice in choices if choice.value in offered)
    return ours + tuple(Choice(value, "") for value in offered if value not in values)
