"""The plain words for what a client may choose: grants, response types, authentication, scopes."""

from __future__ import annotations

from dataclasses import dataclass

from ...clients.client import BY_SECRET, EITHER_WAY
from ...clients.metadata import DEVICE_CODE, Offered
from ...oauth2.server import AuthorizationServer
from ...translatable import N_


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a form: its name in the standards, what it means, and why not, where there is a why not."""

    value: str
    meaning: str
    warning: str = ""
    label: str = ""


PASSWORD_WARNING = N_("Legacy. The client sees the person's password (RFC 9700, section 2.4).")
IMPLICIT_WARNING = N_("Legacy. The token can leak from the URL (RFC 9700, section 2.1.2).")
GRANT_TYPES = (
    Choice(
        "authorization_code",
        N_("A person logs in here and returns to the client with a code. This is the usual choice."),
    ),
    Choice("refresh_token", N_("Get new access tokens without asking the person again.")),
    Choice(
        DEVICE_CODE,
        N_(
            "A device without a browser, such as a TV, shows a code, which a person enters here on a phone or computer."
        ),
    ),
    Choice("client_credentials", N_("The client acts on its own behalf, without a person.")),
    Choice("password", N_("The client asks people for their password."), PASSWORD_WARNING),
    Choice("implicit", N_("The access token is sent through the browser."), IMPLICIT_WARNING),
)
RESPONSE_TYPES = (
    Choice("code", N_("With authorization_code: a code, which only the client can use.")),
    Choice("token", N_("With implicit: the access token itself."), IMPLICIT_WARNING),
    Choice("id_token", N_("With implicit: only an ID token, which says who logged in.")),
    Choice("id_token token", N_("With implicit: an ID token and the access token."), IMPLICIT_WARNING),
    Choice("code id_token", N_("With both grants: a code and an ID token.")),
    Choice("code token", N_("With both grants: a code and an access token."), IMPLICIT_WARNING),
    Choice("code id_token token", N_("With both grants: all three."), IMPLICIT_WARNING),
)
AUTH_METHODS = (
    Choice(EITHER_WAY, N_("The secret, in the Authorization header or the body. For clients that run on a server.")),
    Choice("client_secret_basic", N_("The secret, only in the Authorization header.")),
    Choice("client_secret_post", N_("The secret, only in the body.")),
    Choice(
        "private_key_jwt",
        N_("Signs a JWT with its private key. Register the public key in “More fields”, under Advanced."),
    ),
    Choice("client_secret_jwt", N_("Signs a JWT with the secret; the secret is never sent.")),
    Choice(
        "none", N_("For clients that can't keep a secret, such as native and single-page apps. They use PKCE instead.")
    ),
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
