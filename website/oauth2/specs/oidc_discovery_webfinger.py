"""WebFinger (:rfc:`7033`) as OpenID Connect Discovery 1.0 uses it: which provider is asked about an account.

https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery

Every name is answered alike, whether there is such an account or not: the answer is this server's issuer, and tells
nobody who has an account here.
"""

from __future__ import annotations

import json
import re

from authlib.oauth2.rfc6749 import InvalidRequestError

from ...clients.origins import ANY, OPEN_TO_ANY
from ...settings import Settings
from ..errors import Response, json_error
from ..requests import MAX_PARAMETER_CHARACTERS, OAuth2Request, parse_pairs
from ..server import AuthorizationServer

#: At the root of the host, whatever the issuer's path (:rfc:`7033#section-4`).
WEBFINGER = "/.well-known/webfinger"
ISSUER_RELATION = "http://openid.net/specs/connect/1.0/issuer"
HEADERS = (("Content-Type", "application/jrd+json"), ("Cache-Control", "public, max-age=300"), OPEN_TO_ANY)
#: A name in front of a host, or an address of the web: what stands for an account or a person's page.
_RESOURCE = re.compile(r"(?:(?:acct|mailto):[^@/?#]+@[^@/?#]+|https?://[^/?#]+(?:[/?#].*)?)\Z", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:.", re.IGNORECASE)


def find_issuer(request: OAuth2Request) -> Response:
    """Answer with the issuer as the one link of a resource (:rfc:`7033#section-4.4`). Raises ``InvalidRequestError``.

    A query names ``resource`` once, and may name ``rel`` several times: then links of other relations are left out.
    """
    # In this query a plus is a plus (RFC 7033, section 4.1): ada+mail@example.org is an account of its own.
    query = request.environ.get("QUERY_STRING", "").replace("+", "%2B")
    pairs = parse_pairs(query.encode("latin-1"))
    resources = [value for name, value in pairs if name == "resource"]
    if len(resources) != 1:
        raise InvalidRequestError("Send one resource, such as acct:ada@example.org.")
    resource = resources[0]
    if len(resource) > MAX_PARAMETER_CHARACTERS or not resource.isprintable() or not _ABSOLUTE.match(resource):
        raise InvalidRequestError("The resource is not a URI, such as acct:ada@example.org.")
    if not _RESOURCE.match(resource):
        text = "This server knows resources of the schemes acct, mailto, http and https only."
        return json_error(404, "not_found", text, OPEN_TO_ANY)
    relations = [value for name, value in pairs if name == "rel"]
    links = [{"rel": ISSUER_RELATION, "href": request.issuer}]
    wanted = [link for link in links if not relations or link["rel"] in relations]
    return Response(200, HEADERS, json.dumps({"subject": resource, "links": wanted}).encode())


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None:
        return  # without ID tokens this is no OpenID provider
    server.register_address(WEBFINGER, "find_issuer", {"GET": find_issuer}, cors=ANY)
    server.host_wide_addresses.add(WEBFINGER)
