"""The scenarios: the title of each, its plan, and which servers support it."""

from collections.abc import Callable
from dataclasses import dataclass

from flows import (
    Plan,
    plan_bearer,
    plan_code_flow,
    plan_get,
    plan_home,
    plan_introspection,
    plan_machine,
    plan_refresh,
    plan_revocation,
)
from peer import Peer


@dataclass(frozen=True)
class Scenario:
    """A scenario's title, its plan for a peer, and whether a peer supports it."""

    title: str
    plan: Callable[[Peer, int], Plan]
    possible: Callable[[Peer], bool] = lambda peer: True
    unit: str = "request"
    #: Which rows of tests/database/test_round_trips.py say what Grantwright asks of its database for one success.
    statements: tuple[str, ...] = ()
    collects: bool = False  # its tokens are issued under load immediately before


def has(client: str) -> Callable[[Peer], bool]:
    return lambda peer: client in peer.clients


def refreshes(client: str) -> Callable[[Peer], bool]:
    """Whether a refresh gives an ID token that is signed so."""
    return lambda peer: client in peer.clients and peer.refreshes_id_tokens


def refresh_with_openid(algorithm: str) -> Scenario:
    return Scenario(
        f"the same with openid, {algorithm}",
        lambda peer, connections: plan_refresh(peer, connections, algorithm),
        refreshes(algorithm),
        statements=("refresh with openid",),
    )


def flow_with_openid(algorithm: str) -> Scenario:
    return Scenario(
        f"the same with openid and nonce, {algorithm}",
        lambda peer, _: plan_code_flow(peer, algorithm),
        has(algorithm),
        unit="flow",
        statements=("authorization", "code exchange with openid"),
    )


SCENARIOS = {
    "S1": Scenario("discovery", lambda peer, _: plan_get(peer.discovery), lambda peer: peer.discovery is not None),
    "S2": Scenario("JWKS", lambda peer, _: plan_get(peer.jwks), lambda peer: peer.jwks is not None),
    "S3": Scenario("client_credentials", lambda peer, _: plan_machine(peer), statements=("client_credentials",)),
    "S3J": Scenario(
        "client_credentials, JWT by ES256",
        lambda peer, _: plan_machine(peer, "JWT"),
        has("JWT"),
        statements=("client_credentials",),
    ),
    "S3A": Scenario(
        "client_credentials for an API",
        lambda peer, _: plan_machine(peer, "API"),
        has("API"),
        statements=("client_credentials for an API",),
    ),
    "S3AJ": Scenario(
        "the same, JWT by RS256",
        lambda peer, _: plan_machine(peer, "API JWT"),
        has("API JWT"),
        statements=("client_credentials for an API",),
    ),
    "S4": Scenario(
        "introspection of a live token", lambda peer, _: plan_introspection(peer), statements=("introspection",)
    ),
    "S5": Scenario(
        "UserInfo",
        lambda peer, _: plan_bearer(peer, peer.userinfo, peer.userinfo_client),
        lambda peer: peer.userinfo is not None and peer.userinfo_client in peer.clients,
        statements=("UserInfo",),
    ),
    "S5M": Scenario("/api/me", lambda peer, _: plan_bearer(peer, peer.api, peer.api_client), statements=("/api/me",)),
    "S6": Scenario("refresh with rotation", plan_refresh, statements=("refresh",)),
    "S6A": Scenario(
        "refresh for an API",
        lambda peer, connections: plan_refresh(peer, connections, "API"),
        has("API"),
        statements=("refresh for an API",),
    ),
    "S6B": Scenario(
        "the same without naming it",
        lambda peer, connections: plan_refresh(peer, connections, "API", names_api=False),
        has("API"),
        statements=("refresh for an API",),
    ),
    "S6R": refresh_with_openid("RS256"),
    "S6E": refresh_with_openid("ES256"),
    "S7": Scenario(
        "authorize and exchange the code",
        lambda peer, _: plan_code_flow(peer),
        unit="flow",
        statements=("authorization", "code exchange"),
    ),
    "S7R": flow_with_openid("RS256"),
    "S7E": flow_with_openid("ES256"),
    "S8": Scenario(
        "revocation of fresh tokens",
        lambda peer, _: plan_revocation(peer),
        collects=True,
        statements=("revocation of an access token",),
    ),
    "S9": Scenario("login page", lambda peer, _: plan_get(peer.home), lambda peer: peer.home is not None),
    "S9H": Scenario(
        "home page, logged in",
        lambda peer, _: plan_home(peer),
        lambda peer: peer.home is not None,
        statements=("home page",),
    ),
}
