"""RP-Initiated Logout 1.0: a client sends the browser here so that the person is logged out of this server too.

https://openid.net/specs/openid-connect-rpinitiated-1_0.html

Its pages are ``routes/end_session.py``, the checks ``end_session_request.py``. Only an ID token of the login itself
logs out without a question: anybody else's link could log people out against their will. The browser goes back only to
an address that the client registered, and that client has to be named, by the ID token or by ``client_id``. What of a
request cannot be used falls away, and the person is asked. A client's own server logs out by ``client_logout.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import redirect_uris, scopes
from ...clients.metadata import FieldCheck
from ...settings import Settings
from ..end_session_request import END_SESSION_ENDPOINT, URIS_FIELD

if TYPE_CHECKING:
    from ..server import AuthorizationServer

MAX_URIS = 20


def _uris_judge(rules: redirect_uris.RedirectRules) -> FieldCheck:
    def find_problem(value: Any, metadata: Mapping[str, Any]) -> str:
        if not isinstance(value, list) or len(value) > MAX_URIS or not all(isinstance(uri, str) for uri in value):
            return f"Write a list of at most {MAX_URIS} addresses."
        return next(filter(None, (redirect_uris.find_problem(uri, rules) for uri in value)), "")

    return find_problem


def register(server: AuthorizationServer, settings: Settings) -> None:
    if scopes.OPENID not in server.scopes:
        return  # nobody logs in to a client by this server
    if server.has_external_users and not server.host_facts.ends_logins:
        return  # the login is another application's, which gave us no way to end it
    server.name_address("end_session_endpoint", END_SESSION_ENDPOINT)
    server.add_client_field(URIS_FIELD, _uris_judge(server.redirect_rules))
