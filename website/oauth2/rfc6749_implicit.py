"""The implicit grant (:rfc:`6749#section-4.2`), for clients without a secret that chose it.

https://www.rfc-editor.org/rfc/rfc6749#section-4.2

RFC 9700, section 2.1.2 advises against it: the token passes through the address bar. It is here because the
walk-through shows it, is off for every client that did not choose it, and the page that offers it says why not to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749 import AccessDeniedError, UnauthorizedClientError, grants

from ..grants import NewGrant
from ..settings import Settings
from ..statements.logins import READ_SESSION_ID
from .authorization_code import Decision
from .authorization_request import AuthorizationGrantMixin
from .authorization_response import FRAGMENT
from .errors import Response
from .token_issuance import Holder, issue_tokens

if TYPE_CHECKING:
    from .server import AuthorizationServer


class ImplicitGrant(AuthorizationGrantMixin, grants.ImplicitGrant):
    """Gives an access token to the browser, in the fragment."""

    RESPONSE_MODE = FRAGMENT

    def validate_authorization_request(self) -> str:
        redirect_uri = super().validate_authorization_request()
        client = self.request.client
        if not client.is_public or self.GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClientError(
                "The implicit grant is for clients whose token_endpoint_auth_method is none.",
                redirect_uri=redirect_uri,
                redirect_fragment=True,
            )
        return redirect_uri

    def create_authorization_response(self, redirect_uri: str, decision: Decision | None) -> Response:
        """Answer a person's decision, ``None`` being a no (:rfc:`6749#section-4.2.2`)."""
        if decision is None:
            raise AccessDeniedError(redirect_uri=redirect_uri, redirect_fragment=True)
        server, login = self.server, decision.login
        granted = NewGrant(
            client=self.request.client.id,
            subject=login.subject,
            grant_type=self.GRANT_TYPE,
            scope=self.request.scope or "",
            consent=decision.consent,
            authentication=self.request.authentication_by(login),
        )
        subject, epoch = server.subjects.of_user(login.user_id)
        with server.database.write() as writer:
            # Whoever ends the login meanwhile finds the grant, or is found here.
            is_unchanged = server.subjects.hold(writer, subject, epoch)
            if not is_unchanged or writer.one(READ_SESSION_ID, id_=login.session) is None:
                raise AccessDeniedError(redirect_uri=redirect_uri, redirect_fragment=True)
            grant_id = server.grants.write(writer, granted, with_refresh_token=False)
        tokens = issue_tokens(
            server,
            self.request,
            self.GRANT_TYPE,
            granted.scope,
            Holder(grant_id, subject, epoch, granted.authentication),
        )
        parameters = [(name, str(value)) for name, value in tokens.items()]
        return server.authorization_responses.build(self.request, redirect_uri, parameters, FRAGMENT)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(ImplicitGrant)
    server.add_metadata(
        grant_types_supported=[ImplicitGrant.GRANT_TYPE],
        response_types_supported=sorted(ImplicitGrant.RESPONSE_TYPES),
        response_modes_supported=[FRAGMENT],
    )
