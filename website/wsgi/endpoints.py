"""The protocol endpoints: dispatches requests to the handlers that specifications registered. Plain WSGI.

Handles methods (405, OPTIONS, HEAD) and turns all errors into the standard's JSON, never into a page or stack trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from ..database import DatabaseUnavailableError, ReferenceGoneError, SchemaMissingError
from ..keys import KeysMissingError
from ..logs import get_logger
from ..oauth2.endpoint_addresses import Address
from ..oauth2.errors import Response, ServerError, TemporarilyUnavailableError, error_response, json_error
from ..oauth2.requests import read_request
from ..oauth2.server import AuthorizationServer
from ..request_context import REQUEST_ID, Environ

REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
log = get_logger("grantwright.endpoints")
OnError = Callable[[Exception], None]


class Endpoints:
    """Handles the protocol endpoints of one server."""

    def __init__(self, server: AuthorizationServer, on_error: OnError = lambda error: None) -> None:
        self._server = server
        self._on_error = on_error

    def answer(self, environ: Environ, address: Address | None) -> Response | None:
        """Return the response to a request, or ``None`` if the URL isn't a protocol endpoint."""
        if address is None or not address.handlers:
            return None
        method = environ["REQUEST_METHOD"]
        handler = address.handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            return _answer_other_method(address, method)
        try:
            issuer, settings = self._server.issuer_of(environ), self._server.settings
            return handler(read_request(environ, issuer, settings, address.takes_json, address.allow_multipart))
        except OAuth2Error as error:
            return error_response(error)
        except RequestEntityTooLarge:
            return json_error(413, "invalid_request", "The body is too large.")
        except ClientDisconnected:
            return json_error(400, "invalid_request", "The body is incomplete.")
        except HTTPException as error:
            return json_error(error.code or 400, "invalid_request", error.name)
        except ReferenceGoneError:
            # The cached client, or the code's consent, was deleted: new tokens would be invalid immediately.
            return error_response(InvalidGrantError("The client, user or consent of this request was deleted."))
        except DatabaseUnavailableError as error:
            log.warning("database unavailable", request_id=environ.get(REQUEST_ID), reason=error.reason)
            return error_response(TemporarilyUnavailableError())
        except (SchemaMissingError, KeysMissingError) as error:
            log.error("not set up", request_id=environ.get(REQUEST_ID), reason=str(error))
            return error_response(ServerError(str(error)))
        except Exception as error:
            log.exception("unexpected error", request_id=environ.get(REQUEST_ID), address=address.path)
            self._on_error(error)
            return error_response(ServerError())


def _answer_other_method(address: Address, method: str) -> Response:
    allowed = sorted({*address.methods, "OPTIONS", *(["HEAD"] if "GET" in address.methods else [])})
    headers = (("Allow", ", ".join(allowed)),)
    if method == "OPTIONS":
        return Response(204, headers)
    return json_error(405, "invalid_request", f"Use {' or '.join(address.methods)}.", *headers)


def send(answer: Response, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
    """Send a response via WSGI; only headers for HEAD."""
    headers = [*answer.headers, ("X-Content-Type-Options", "nosniff")]
    if answer.status != 204:
        headers.append(("Content-Length", str(len(answer.body))))
    start_response(REASONS[answer.status], headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
