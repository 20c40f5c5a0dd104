"""Descriptions of what an app can do: its scopes, and the claims that it requests individually."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask_babel import gettext as _

from ..claims import labels_of
from ..oauth2.server import AuthorizationServer
from .translations import translate


def permissions_in_words(server: AuthorizationServer, scope_values: Iterable[str], claims: Sequence[str]) -> list[str]:
    """Return a line for each scope value, and one for all the claims."""
    words = [translate(server.registry.scopes.get(value, value)) for value in scope_values]
    return [*words, _("See these details: %(claims)s", claims=_join(claims))] if claims else words


def _join(claims: Sequence[str]) -> str:
    return ", ".join(translate(label) for label in labels_of(claims))
