"""The authentication request (OpenID Connect Core 1.0, section 3.1.2.1): a client's wishes about the login.

https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest

``prompt``, ``max_age``, ``id_token_hint`` and ``login_hint`` are honoured; pages honour ``ui_locales``. ``display`` and
``claims_locales`` are optional and may be ignored; ``acr_values`` are read by ``rfc9470_step_up_authentication``.
Request objects have their own errors.
"""

from __future__ import annotations

from functools import partial

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oidc.core.errors import RequestNotSupportedError, RequestURINotSupportedError

from ...clients import field_checks
from ...settings import Settings
from ..authentication_request import AuthenticationRequest
from ..id_token_hint import read_hint
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_scopes",)

PROMPTS = ("none", "login", "consent", "select_account")
#: Where people may sign up (Initiating User Registration via OpenID Connect 1.0).
CREATE = "create"
WISHES = {"display", "ui_locales", "claims_locales", "acr_values"}
PARAMETERS = {"prompt", "max_age", "id_token_hint", "login_hint"}
#: Unsupported parameters with their own errors (section 3.1.2.6).
REFUSED = {
    "request": partial(RequestNotSupportedError, "The 'request' parameter is not supported."),
    "request_uri": partial(RequestURINotSupportedError, "The 'request_uri' parameter is not supported."),
}
MAX_AGE_SECONDS = 2**31
MAX_HINT_CHARACTERS = 150
MAX_AGE_FIELD = "default_max_age"
MAX_ACRS = 20


def register(server: AuthorizationServer, settings: Settings) -> None:
    supported = (*PROMPTS, CREATE) if server.joining.sign_ups.are_open else PROMPTS

    def read(request: OAuth2Request) -> None:
        """Read the parameters. Raises ``OAuth2Error``."""
        fields = request.payload.data
        for name, error in REFUSED.items():
            if name in fields:
                raise error()
        usual_age = request.client.metadata.get(MAX_AGE_FIELD)
        if PARAMETERS.isdisjoint(fields) and request.expected_subject is None and usual_age is None:
            return
        hint = fields.get("id_token_hint")
        request.asked = AuthenticationRequest(
            prompts=_read_prompts(fields.get("prompt", ""), supported),
            max_age=_read_max_age(fields["max_age"]) if "max_age" in fields else usual_age,
            subject=request.expected_subject if hint is None else _read_subject(server, request, hint),
            login_hint=fields.get("login_hint", "")[:MAX_HINT_CHARACTERS],
        )

    server.registry.add_authorization_request_extension(read)
    server.registry.add_authorization_parameters(*PARAMETERS, *WISHES, *REFUSED)
    server.registry.add_authorization_parameters("id_token_hint", kept=False)
    for name, check in FIELDS.items():
        server.registry.add_client_field(name, check)
    server.registry.add_metadata(prompt_values_supported=list(supported))
    # Without it, request_uri would default to true (OpenID Connect Discovery 1.0, section 3).
    server.registry.add_default_metadata(request_parameter_supported=False, request_uri_parameter_supported=False)


def _read_prompts(text: str, supported: tuple[str, ...]) -> frozenset[str]:
    prompts = frozenset(text.split())
    if not prompts <= set(supported):
        raise InvalidRequestError(f"Unknown 'prompt'. Supported: {', '.join(supported)}.")
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("'prompt' none can't be combined with other values.")
    return prompts


def _read_max_age(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > MAX_AGE_SECONDS:
        raise InvalidRequestError("'max_age' must be a number of seconds.")
    return int(text)


#: A client's defaults for all its requests (OpenID Connect Dynamic Client Registration 1.0, section 2). ``auth_time``
#: is in every ID token anyway, and an acr is optional here as in a request.
FIELDS = {
    MAX_AGE_FIELD: field_checks.seconds(MAX_AGE_SECONDS),
    "require_auth_time": field_checks.boolean,
    "default_acr_values": field_checks.strings(MAX_ACRS),
}


def _read_subject(server: AuthorizationServer, request: OAuth2Request, text: str) -> str:
    """Return the subject of one of our ID tokens, expired or not, as known to the requesting client."""
    hint = read_hint(server, text)
    if hint is None:
        raise InvalidRequestError("The id_token_hint is not an ID token of this server.")
    if hint.client.id != request.client.id:
        raise InvalidRequestError("The id_token_hint was issued to another client.")
    return hint.subject
