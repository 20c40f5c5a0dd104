"""The plain words for what a client may choose: grants, response types, authentication, scopes."""

from __future__ import annotations

from dataclasses import dataclass

from ..client import BY_SECRET, EITHER_WAY
from ..client_metadata import Offered
from ..oauth2.server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a form: its name in the standards, what it means, and why not, where there is a why not."""

    value: str
    meaning: str
    warning: str = ""
    label: str = ""


PASSWORD_WARNING = (
    "Not for anything new: people type their password into the client, which thus learns it (RFC 9700, section 2.4)."
)
IMPLICIT_WARNING = (
    "Not for anything new: the token travels through the address bar, where others can read it"
    " (RFC 9700, section 2.1.2)."
)
GRANT_TYPES = (
    Choice("authorization_code", "A person logs in here and is sent back to the client with a code. The usual way."),
    Choice("refresh_token", "New access tokens without asking the person again."),
    Choice("client_credentials", "The client acts for itself: no person is involved."),
    Choice("password", "The client asks people for their password itself.", PASSWORD_WARNING),
    Choice("implicit", "The access token comes straight to the browser.", IMPLICIT_WARNING),
)
RESPONSE_TYPES = (
    Choice("code", "Goes with authorization_code: a code comes back, worth nothing without the client."),
    Choice("token", "Goes with implicit: the access token itself comes back.", IMPLICIT_WARNING),
    Choice("id_token", "Goes with implicit: an ID token comes back, which says who logged in, and nothing else."),
    Choice("id_token token", "Goes with implicit: an ID token and the access token come back.", IMPLICIT_WARNING),
    Choice("code id_token", "Goes with both grants: a code, and at once an ID token."),
    Choice("code token", "Goes with both grants: a code, and at once an access token.", IMPLICIT_WARNING),
    Choice("code id_token token", "Goes with both grants: all three.", IMPLICIT_WARNING),
)
AUTH_METHODS = (
    Choice(EITHER_WAY, "For a client on a server: its secret, in the Authorization header or in the body."),
    Choice("client_secret_basic", "The secret in the Authorization header alone."),
    Choice("client_secret_post", "The secret in the body alone."),
    Choice(
        "private_key_jwt",
        "It signs who it is by a key of its own; this server knows the public one, as jwks or jwks_uri.",
    ),
    Choice("client_secret_jwt", "It signs who it is by its secret, which thus never travels."),
    Choice("none", "For a client that cannot keep a secret: an app, a script in a browser. It has PKCE instead."),
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
        scopes=tuple(Choice(scope, words) for scope, words in server.scopes.items() if scope in offered.scopes),
    )


def _of(known: tuple[Choice, ...], offered: tuple[str, ...]) -> tuple[Choice, ...]:
    """Return what is offered: in our order and words, then what only a specification of the embedder's knows."""
    values = {choice.value for choice in known}
    ours = tuple(choice for choice in known if choice.value in offered)
    return ours + tuple(Choice(value, "") for value in offered if value not in values)
