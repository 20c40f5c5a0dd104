"""The requirement of HTTPS: which requests ``admission.py`` refuses as plain HTTP, and what an operator changes."""

from __future__ import annotations

from ..request_context import Environ
from ..settings import Settings

INSECURE_IN_DEMO = (
    "This connection uses plain HTTP. On your own computer, stop the server and start it again with"
    " AUTHLIB_INSECURE_TRANSPORT=1 in its environment."
)
INSECURE_IN_PRODUCTION = (
    "This connection uses plain HTTP. Put an HTTPS proxy in front of this server, and set OAUTH2_TRUSTED_PROXIES to"
    " the number of proxies."
)


def find_insecure_transport(environ: Environ, settings: Settings) -> str:
    """Return why a request is refused for plain HTTP, and what to change; empty if it may come as it does.

    Its scheme is that of the connection, or of a trusted proxy's header (``trusted_proxies.py``).
    """
    if environ["wsgi.url_scheme"] == "https" or settings.insecure_transport:
        return ""
    return INSECURE_IN_DEMO if settings.demo else _explain_plain_http(environ, settings.trusted_proxies)


def _explain_plain_http(environ: Environ, trusted: int) -> str:
    """Explain why a request counts as plain HTTP if the proxies' headers don't match the setting."""
    values = [value.strip() for value in environ.get("HTTP_X_FORWARDED_PROTO", "").split(",") if value.strip()]
    if not values or (len(values) == trusted and values[0].lower() != "https"):
        return INSECURE_IN_PRODUCTION
    came = "1 value" if len(values) == 1 else f"{len(values)} values"
    return (
        f"This connection counts as plain HTTP: X-Forwarded-Proto came with {came}, and OAUTH2_TRUSTED_PROXIES is"
        f" {trusted}. Set it to the number of proxies that add a value, or let only the outermost proxy set one."
    )
