"""The limits of open registration in the demo, which has no rate limits."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import AccessDeniedError

from .. import clock
from ..redirect_uris import is_loopback_or_private, is_web_address
from .errors import TooManyRequestsError
from .rate_limits import REGISTER
from .requests import OAuth2Request
from .server import AuthorizationServer

MAX_CLIENTS, MAX_A_MINUTE = 1000, 60
MINUTE_SECONDS = 60


def check_demo_registration(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Check that an open registration in the demo comes from this computer, and that there aren't too many.

    Scripts of any page can call the endpoint: otherwise every site that the developer visits could register clients.
    Raises ``AccessDeniedError`` (403) or :class:`TooManyRequestsError`.
    """
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is not None and not (is_web_address(origin) and is_loopback_or_private(origin)):
        raise _denied("The demo only registers clients for programs and pages on this computer.")
    most = server.settings.rate_limits.get(REGISTER, MAX_A_MINUTE)
    if not most:
        return
    if server.clients.count_self_registered(clock.now() - MINUTE_SECONDS) >= most:
        raise TooManyRequestsError(MINUTE_SECONDS)
    if server.clients.count_self_registered() >= MAX_CLIENTS:
        raise _denied(
            f"{MAX_CLIENTS} clients have registered themselves in this demo. Delete some with flask clients delete."
        )


def _denied(text: str) -> AccessDeniedError:
    error = AccessDeniedError(description=text)
    error.status_code = 403
    return error
