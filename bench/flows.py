"""The scenarios: for each, the preparing requests and the plan that scenario.lua repeats."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from browser import FORM_TYPE, Browser
from peers import REDIRECT_URI, WORK, Peer

VERIFIER = "a-code-verifier-that-every-flow-of-the-measurement-uses"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


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


@dataclass(frozen=True)
class Scenario:
    """A scenario's title, its plan for a peer, and whether a peer supports it."""

    title: str
    plan: Callable[[Peer, int], Plan]
    possible: Callable[[Peer], bool] = lambda peer: True
    unit: str = "request"
    collects: bool = False  # its tokens are issued under load immediately before


# ---- single requests


def basic(peer: Peer) -> str:
    pair = f"{quote(peer.client_id, safe='')}:{quote(peer.client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def client_post(peer: Peer, path: str, body: str) -> Request:
    """A form post by the client, authenticated with client_secret_basic."""
    return Request("POST", path, {"Content-Type": FORM_TYPE, "Authorization": basic(peer)}, body)


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
    return client_post(peer, peer.introspect, urlencode({"token": token}))


def machine_request(peer: Peer) -> Request:
    body = urlencode({"grant_type": "client_credentials", "scope": peer.machine_scope})
    return client_post(peer, peer.token, body)


def exchange_request(peer: Peer, code: str) -> Request:
    rest = urlencode({"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER})
    return client_post(peer, peer.token, f"grant_type=authorization_code&code={code}&{rest}")


def authorize_path(peer: Peer, scope: str) -> str:
    query = {
        "response_type": "code",
        "client_id": peer.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": scope,
        "state": "a-state-that-is-sent-back",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{peer.authorize}?{urlencode(query)}"


# ---- a signed-in user


def signed_in(peer: Peer, scope: str) -> Browser:
    """A browser whose user has logged in and allowed this scope; one per peer and scope."""
    if scope not in peer.browsers:
        browser = Browser()
        peer.sign_in(browser, peer.base + authorize_path(peer, scope))
        peer.browsers[scope] = browser
    return peer.browsers[scope]


def authorize_request(peer: Peer, scope: str) -> Request:
    """The authorization request that gets a code immediately."""
    headers = {"Cookie": signed_in(peer, scope).cookie_header}
    path = authorize_path(peer, scope)
    if peer.authorize_form is None:
        return Request("GET", path, headers)
    return Request("POST", path, {**headers, "Content-Type": FORM_TYPE}, urlencode(peer.authorize_form))


def user_token(peer: Peer, scope: str) -> dict[str, Any]:
    """The tokens of one authorization and code exchange."""
    browser, request = signed_in(peer, scope), authorize_request(peer, scope)
    location = browser.send(request.method, peer.base + request.path, request.body, request.headers) or ""
    codes = parse_qs(urlsplit(location).query).get("code")
    if not codes:
        said = f"{browser.status} {location} {browser.body[:400]}"
        raise RuntimeError(f"{peer.name} gave no code for {scope!r}: {said}")
    return answer(peer, exchange_request(peer, quote(codes[0], safe="")))


# ---- the scenarios' plans


def plan_get(path: str | None) -> Plan:
    assert path is not None  # see Scenario.possible
    return Plan("same", Request("GET", path, {}))


def plan_machine(peer: Peer, connections: int) -> Plan:
    return Plan("same", machine_request(peer))


def plan_introspection(peer: Peer, connections: int) -> Plan:
    request = introspect_request(peer, answer(peer, machine_request(peer))["access_token"])
    require(answer(peer, request)["active"] is True, "a fresh token is active")
    return Plan("same", request)


def plan_userinfo(peer: Peer, connections: int) -> Plan:
    token = user_token(peer, peer.userinfo_scope)["access_token"]
    request = Request("GET", peer.userinfo, {"Authorization": f"Bearer {token}"})
    answer(peer, request)
    return Plan("same", request)


def plan_refresh(peer: Peer, connections: int) -> Plan:
    """More chains of refresh tokens than connections, so that a request never waits for a token."""
    issued = [user_token(peer, peer.user_scope) for _ in range(2 * connections + 2)]
    tokens = token_file(peer, "refresh")
    tokens.write_text("".join(f"{one['refresh_token']}\n" for one in issued))
    request = client_post(peer, peer.token, "grant_type=refresh_token&refresh_token={TOK}")
    chain = user_token(peer, peer.user_scope)["refresh_token"]
    rotated = answer(peer, client_post(peer, peer.token, f"grant_type=refresh_token&refresh_token={chain}"))
    require(rotated.get("refresh_token", chain) != chain, "a refresh gives a new refresh token")
    return Plan("refresh", request, tokens=str(tokens))


def plan_code_flow(peer: Peer, connections: int) -> Plan:
    issued = user_token(peer, peer.user_scope)
    require("refresh_token" in issued and "id_token" not in issued, "a code gives a refresh but no ID token")
    return Plan("flow", authorize_request(peer, peer.user_scope), second=exchange_request(peer, "{TOK}"))


def plan_revocation(peer: Peer, connections: int) -> Plan:
    token = answer(peer, machine_request(peer))["access_token"]
    answer(peer, client_post(peer, peer.revoke, urlencode({"token": token})))
    require(answer(peer, introspect_request(peer, token))["active"] is False, "a revoked token is inactive")
    return Plan("each", client_post(peer, peer.revoke, "token={TOK}"), tokens=str(token_file(peer, "revoke")))


def plan_collection(peer: Peer) -> Plan:
    """Issue tokens and write them where plan_revocation reads them."""
    return replace(plan_machine(peer, 1), collect=str(token_file(peer, "revoke")))


def token_file(peer: Peer, purpose: str) -> Path:
    return WORK / f"{peer.name}.{purpose}.tokens"


SCENARIOS = {
    "S1": Scenario(
        "discovery",
        lambda peer, _: plan_get(peer.discovery),
        possible=lambda peer: peer.discovery is not None,
    ),
    "S2": Scenario(
        "JWKS",
        lambda peer, _: plan_get(peer.jwks),
        possible=lambda peer: peer.jwks is not None,
    ),
    "S3": Scenario("client_credentials", plan_machine),
    "S4": Scenario("introspection of a live token", plan_introspection),
    "S5": Scenario("userinfo", plan_userinfo),
    "S6": Scenario("refresh with rotation", plan_refresh),
    "S7": Scenario("authorize and exchange the code", plan_code_flow, unit="flow"),
    "S8": Scenario("revocation of fresh tokens", plan_revocation, collects=True),
}


# ---- the plan as a Lua table


def as_lua(value: object) -> str:
    if isinstance(value, dict):
        pairs = [f"[{as_lua(key)}]={as_lua(item)}" for key, item in value.items() if item is not None]
        return "{" + ",".join(pairs) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def lua_file(plan: Plan) -> str:
    return "return " + as_lua(asdict(plan)) + "\n"
