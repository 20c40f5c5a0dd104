"""What the scenarios send: the preparing requests, and the plan that scenario.lua repeats."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from browser import FORM_TYPE, Browser
from peer import REDIRECT_URI, WORK, Client, Peer

VERIFIER = "a-code-verifier-that-every-flow-of-the-measurement-uses"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
#: The clients with ID tokens, named by the algorithm.
SIGNING = ("RS256", "ES256")


@dataclass(frozen=True)
class Request:
    """One HTTP request; `{TOK}` in its body is replaced with a token or code later."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None


@dataclass(frozen=True)
class Plan:
    """The plan for scenario.lua: its kind, its requests, and the token files that it reads or writes."""

    kind: str  # same | each | refresh | flow
    request: Request
    second: Request | None = None
    tokens: str | None = None
    collect: str | None = None


# ---- single requests


def basic(client: Client) -> str:
    pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def client_post(peer: Peer, path: str, body: str, client: str) -> Request:
    """A form post by a client, authenticated with client_secret_basic."""
    return Request("POST", path, {"Content-Type": FORM_TYPE, "Authorization": basic(peer.clients[client])}, body)


def answer(peer: Peer, request: Request) -> dict[str, Any]:
    """Send a request outside any measurement; return the JSON of its response, which must be 200 and may be empty."""
    browser = Browser()
    browser.send(request.method, peer.base + request.path, request.body, request.headers)
    if browser.status != 200:
        raise RuntimeError(f"{peer.name} {request.path}: {browser.status} {browser.body[:400]}")
    found: dict[str, Any] = json.loads(browser.body or "{}")
    return found


def require(holds: bool, what: str) -> None:
    """Make sure that the server really does the work before it is measured."""
    if not holds:
        raise RuntimeError(f"expected: {what}")


def introspect_request(peer: Peer, token: str) -> Request:
    return client_post(peer, peer.introspect, urlencode({"token": token}), "machine")


def machine_request(peer: Peer, client: str = "machine") -> Request:
    fields = {"grant_type": "client_credentials", "scope": peer.machine_scope, **for_api(peer, client)}
    return client_post(peer, peer.token, urlencode(fields), client)


def for_api(peer: Peer, client: str) -> dict[str, str]:
    """What a request says of the API that the client's tokens are for, if they are for one (RFC 8707)."""
    api = peer.clients[client]
    return {"scope": api.scope, "resource": api.resource} if api.resource else {}


def exchange_request(peer: Peer, code: str, client: str) -> Request:
    rest = urlencode({"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER})
    return client_post(peer, peer.token, f"grant_type=authorization_code&code={code}&{rest}", client)


def refresh_request(peer: Peer, token: str, client: str, *, names_api: bool = True) -> Request:
    resource = peer.clients[client].resource if names_api else ""
    rest = f"&{urlencode({'resource': resource})}" if resource else ""
    return client_post(peer, peer.token, f"grant_type=refresh_token&refresh_token={token}{rest}", client)


def scope_of(peer: Peer, client: str) -> str:
    """What the flows of a client ask for: an ID token, where the client is named by how it is signed."""
    return peer.openid_scope if client in SIGNING else peer.user_scope


def authorize_path(peer: Peer, client: str) -> str:
    query = {
        "response_type": "code",
        "client_id": peer.clients[client].client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": scope_of(peer, client),
        "state": "a-state-that-is-sent-back",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **({"nonce": "a-nonce-that-the-id-token-has"} if client in SIGNING else {}),
        **for_api(peer, client),
    }
    return f"{peer.authorize}?{urlencode(query)}"


# ---- a signed-in user


def signed_in(peer: Peer, client: str) -> Browser:
    """A browser whose user has logged in and allowed this client; one per peer and client."""
    if client not in peer.browsers:
        browser = Browser()
        peer.sign_in(browser, peer.base + authorize_path(peer, client))
        peer.browsers[client] = browser
    return peer.browsers[client]


def authorize_request(peer: Peer, client: str) -> Request:
    """The authorization request that gets a code immediately."""
    headers = {"Cookie": signed_in(peer, client).cookie_header}
    path = authorize_path(peer, client)
    if peer.authorize_form is None:
        return Request("GET", path, headers)
    return Request("POST", path, {**headers, "Content-Type": FORM_TYPE}, urlencode(peer.authorize_form))


def user_token(peer: Peer, client: str) -> dict[str, Any]:
    """The tokens of one authorization and code exchange."""
    browser, request = signed_in(peer, client), authorize_request(peer, client)
    location = browser.send(request.method, peer.base + request.path, request.body, request.headers) or ""
    codes = parse_qs(urlsplit(location).query).get("code")
    if not codes:
        said = f"{browser.status} {location} {browser.body[:400]}"
        raise RuntimeError(f"{peer.name} gave no code for {client}: {said}")
    return answer(peer, exchange_request(peer, quote(codes[0], safe=""), client))


def require_id_token(issued: dict[str, Any], client: str) -> None:
    """Make sure that there is an ID token of the right algorithm, or none where none was asked for."""
    if client not in SIGNING:
        require("id_token" not in issued, "no ID token")
        return
    header = issued.get("id_token", "").partition(".")[0]
    require(bool(header), "an ID token")
    require(json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == client, f"an ID token of {client}")


# ---- the scenarios' plans


def plan_get(path: str | None) -> Plan:
    assert path is not None  # see Scenario.possible
    return Plan("same", Request("GET", path, {}))


def plan_home(peer: Peer) -> Plan:
    """The home page of somebody who is logged in."""
    assert peer.home is not None  # see Scenario.possible
    return Plan("same", Request("GET", peer.home, {"Cookie": signed_in(peer, "user").cookie_header}))


def plan_machine(peer: Peer, client: str = "machine") -> Plan:
    issued = answer(peer, machine_request(peer, client))["access_token"]
    require((issued.count(".") == 2) == client.endswith("JWT"), "the format of the access token")
    return Plan("same", machine_request(peer, client))


def plan_introspection(peer: Peer) -> Plan:
    request = introspect_request(peer, answer(peer, machine_request(peer))["access_token"])
    require(answer(peer, request)["active"] is True, "a fresh token is active")
    return Plan("same", request)


def plan_bearer(peer: Peer, path: str | None, client: str) -> Plan:
    """A request with a user's access token."""
    assert path is not None  # see Scenario.possible
    token = user_token(peer, client)["access_token"]
    request = Request("GET", path, {"Authorization": f"Bearer {token}"})
    answer(peer, request)
    return Plan("same", request)


def plan_refresh(peer: Peer, connections: int, client: str = "user", *, names_api: bool = True) -> Plan:
    """More chains of refresh tokens than connections, so that a request never waits for a token."""
    issued = [user_token(peer, client) for _ in range(2 * connections + 2)]
    tokens = token_file(peer, "refresh")
    tokens.write_text("".join(f"{one['refresh_token']}\n" for one in issued))
    chain = user_token(peer, client)["refresh_token"]
    rotated = answer(peer, refresh_request(peer, quote(chain, safe=""), client))
    require(rotated.get("refresh_token", chain) != chain, "a refresh gives a new refresh token")
    require_id_token(rotated, client)
    return Plan("refresh", refresh_request(peer, "{TOK}", client, names_api=names_api), tokens=str(tokens))


def plan_code_flow(peer: Peer, client: str = "user") -> Plan:
    issued = user_token(peer, client)
    require("refresh_token" in issued, "a code gives a refresh token")
    require_id_token(issued, client)
    return Plan("flow", authorize_request(peer, client), second=exchange_request(peer, "{TOK}", client))


def plan_revocation(peer: Peer) -> Plan:
    token = answer(peer, machine_request(peer))["access_token"]
    answer(peer, client_post(peer, peer.revoke, urlencode({"token": token}), "machine"))
    require(answer(peer, introspect_request(peer, token))["active"] is False, "a revoked token is inactive")
    request = client_post(peer, peer.revoke, "token={TOK}", "machine")
    return Plan("each", request, tokens=str(token_file(peer, "revoke")))


def plan_collection(peer: Peer) -> Plan:
    """Issue tokens and write them where plan_revocation reads them."""
    return replace(plan_machine(peer), collect=str(token_file(peer, "revoke")))


def token_file(peer: Peer, purpose: str) -> Path:
    return WORK / f"{peer.name}.{purpose}.tokens"


# ---- the plan as a Lua table


def as_lua(value: object) -> str:
    if isinstance(value, dict):
        pairs = [f"[{as_lua(key)}]={as_lua(item)}" for key, item in value.items() if item is not None]
        return "{" + ",".join(pairs) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def lua_file(plan: Plan) -> str:
    return "return " + as_lua(asdict(plan)) + "\n"
