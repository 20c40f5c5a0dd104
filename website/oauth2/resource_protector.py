"""``require_oauth``: a decorator for views that require an access token.

``token_acceptance.py`` decides; the UserInfo endpoint asks it directly. The decorator reads the current WSGI environ
from the outer layer and raises Werkzeug HTTPExceptions, so it works with views of any WSGI framework.
``current_token`` is the token of the current request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as WerkzeugResponse

from .. import scopes
from ..database import DatabaseUnavailableError, SchemaMissingError
from ..keys import KeysMissingError
from ..logs import get_logger
from ..request_context import REQUEST_ID, current_environ
from .errors import TemporarilyUnavailableError, error_response
from .server import current_server
from .token_acceptance import LiveToken, TokenRefusedError

log = get_logger("grantwright.resource_protector")
P = ParamSpec("P")
R = TypeVar("R")

_current_token: ContextVar[LiveToken] = ContextVar("current_token")


class ResourceProtector:
    """Creates decorators: ``@require_oauth("profile")``."""

    def __call__(self, all_of: str = "", *, any_of: Iterable[str] = ()) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Require an active access token with all scopes in ``all_of`` and, if given, one of ``any_of``."""
        if isinstance(any_of, str):
            raise TypeError("any_of must be a list of scopes; a string would be taken as a list of letters.")
        needed, alternatives = scopes.split(all_of), tuple(any_of)

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            @wraps(view)
            def protected(*args: P.args, **kwargs: P.kwargs) -> R:
                accepted = self.accept_token(needed, alternatives)
                reset_token = _current_token.set(accepted)
                try:
                    return view(*args, **kwargs)
                finally:
                    _current_token.reset(reset_token)

            return protected

        return decorate

    def accept_token(self, all_of: Iterable[str] = (), any_of: Iterable[str] = ()) -> LiveToken:
        """Return the current request's token. Raises ``HTTPException`` with the challenge if it isn't accepted."""
        environ = current_environ.get()
        try:
            return current_server.get().access_tokens.accept(environ.get("HTTP_AUTHORIZATION"), all_of, any_of)
        except TokenRefusedError as refusal:
            answer = refusal.answer
        except (DatabaseUnavailableError, SchemaMissingError, KeysMissingError) as error:
            log.warning("could not check a token", request_id=environ.get(REQUEST_ID), reason=str(error))
            answer = error_response(TemporarilyUnavailableError())
        raise HTTPException(response=WerkzeugResponse(answer.body, answer.status, list(answer.headers)))


require_oauth = ResourceProtector()
current_token = cast(LiveToken, LocalProxy(_current_token))
