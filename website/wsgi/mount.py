"""The provider mounted under a path of an existing application, in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIApplication

from ..oauth2.server import AuthorizationServer, Serving
from ..request_context import REQUEST_ID, Environ, new_request_id

WELL_KNOWN = "/.well-known/"


class Mount:
    """Sends requests under ``url_prefix`` to the provider, and all others to the host.

    ``require_oauth`` and ``current_token`` work in the host's views, as the provider's server is the current one.
    """

    def __init__(
        self,
        host: WSGIApplication,
        provider: WSGIApplication,
        server: AuthorizationServer,
        url_prefix: str,
        host_has: Callable[[Environ], bool],
    ) -> None:
        """``host_has`` tells whether the host has a route for a request's URL."""
        self._host = host
        self._host_has = host_has
        self._provider = provider
        self._server = server
        self._prefix = url_prefix

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        own_path = self._find_own_path(path, environ)
        if own_path is not None:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + self._prefix
            environ["PATH_INFO"] = own_path
            return self._provider(environ, start_response)
        environ.setdefault(REQUEST_ID, new_request_id())
        # As seen by the provider: its issuer and derived URLs have the prefix.
        own_environ = {**environ, "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + self._prefix}
        with Serving(self._server, own_environ):
            return self._host(environ, start_response)

    def _find_own_path(self, path: str, environ: Environ) -> str | None:
        """Return the path within the provider, or ``None`` if the path is the host's."""
        if path.startswith(self._prefix) and path[len(self._prefix) :][:1] in ("", "/"):
            return path[len(self._prefix) :] or "/"
        if not path.startswith(WELL_KNOWN):
            return None
        addresses = self._server.registry.addresses
        # The metadata of an issuer with a path is at the root of its host (RFC 8414, section 3.1).
        if path.endswith(self._prefix):
            # The host may be under a path too: then the issuer has both.
            ours = (name for name in (path, path.removesuffix(self._prefix)) if name in addresses)
            return next(ours, None)
        # So is WebFinger (RFC 7033, section 4), unless the host itself has a route for it.
        address = addresses.get(path)
        is_shared = address is not None and address.is_host_wide and not self._host_has(environ)
        return path if is_shared else None
