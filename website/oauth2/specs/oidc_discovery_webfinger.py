"""WebFinger (:rfc:`7033`) for OpenID Connect Discovery 1.0: finding the provider of an account.

https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery

The response is the same for every name, whether the account exists or not: it contains this server's issuer, and
doesn't reveal who has an account.
"""

from __future__ import annotations

import json
import re

from authlib.oauth2.rfc6749 import InvalidRequestError

from ...settings import Settings
from ..endpoint_addresses import ANY, OPEN_TO_ANY
from ..errors import Response, json_error
from ..form_encoding import parse_pairs
from ..requests import MAX_PARAMETER_CHARACTERS, OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

#: At the root of the host, whatever the issuer's path (:rfc:`7033#section-4`).
WEBFINGER = "/.well-known/webfinger"
ISSUER_RELATION = "http://openid.net/specs/connect/1.0/issuer"
HEADERS = (("Content-Type", "application/jrd+json"), ("Cache-Control", "public, max-age=300"), OPEN_TO_ANY)
#: An account at a host, or the URL of a person's page.
_RESOURCE = re.compile(r"(?:(?:acct|mailto):[^@/?#]+@[^@/?#]+|https?://[^/?#]+(?:[/?#].*)?)\Z", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:.", re.IGNORECASE)


def find_issuer(request: OAuth2Request) -> Response:
    """Return the issuer as the only link of a resource (:rfc:`7033#section-4.4`). Raises ``InvalidRequestError``.

    A query has one ``resource``, and optionally several ``rel`` that filter the links by relation.
    """
    # A plus in this query isn't a space (RFC 7033, section 4.1): ada+mail@example.org is a valid account.
    query = request.environ.get("QUERY_STRING", "").replace("+", "%2B")
    pairs = parse_pairs(query.encode("latin-1"))
    resources = [value for name, value in pairs if name == "resource"]
    if len(resources) != 1:
        raise InvalidRequestError("Send one resource, such as acct:ada@example.org.")
    resource = resources[0]
    if len(resource) > MAX_PARAMETER_CHARACTERS or not resource.isprintable() or not _ABSOLUTE.match(resource):
        raise InvalidRequestError("The resource must be a URI, such as acct:ada@example.org.")
    if not _RESOURCE.match(resource):
        text = "Only resources with the schemes acct, mailto, http and https are supported."
        return json_error(404, "not_found", text, OPEN_TO_ANY)
    relations = [value for name, value in pairs if name == "rel"]
    links = [{"rel": ISSUER_RELATION, "href": request.issuer}]
    matching_links = [link for link in links if not relations or link["rel"] in relations]
    return Response(200, HEADERS, json.dumps({"subject": resource, "links": matching_links}).encode())


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_address(WEBFINGER, "find_issuer", {"GET": find_issuer}, cors=ANY, host_wide=True)
