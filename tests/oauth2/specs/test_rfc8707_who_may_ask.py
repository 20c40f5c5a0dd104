"""Which client may ask which API: by each kind of client, API and grant; whatever nobody allowed is refused."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import product

import pytest

from tests.support.person import code_of
from tests.support.resource_client import ResourceClient, create_api
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.resources import Resource

MODES = {"demo": {}, "production": PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}}
#: Kinds of clients, by what their operator decided.
CLIENTS = {
    "ordinary": {},
    "first-party": {"is_first_party": True},
    "registered itself": {"is_self_registered": True},
    "a user's": {},
    "an operator's": {},
}
#: Clients with an owner, and whether that account is an operator.
OWNERS = {"a user's": False, "an operator's": True}
#: Kinds of APIs: their open and closed scopes, and what an operator allows the client for itself.
APIS = {
    "closed": ("", "read write", None),
    "half open": ("read", "write", None),
    "allowed in part": ("", "read write", "read"),
    "allowed without scopes": ("", "read write", ""),
    "without scopes": ("", "", None),
}
GRANTS = ("authorization_code", "client_credentials", "password")
READ, BOTH, NOTHING, REFUSED = {"read"}, {"read", "write"}, set[str](), None


def expected(mode: str, client: str, api: str, grant: str) -> set[str] | None:
    """Return the scope of a request without ``scope``; ``None`` where there is no token at all."""
    by_operator = {"allowed in part": READ, "allowed without scopes": NOTHING}.get(api, REFUSED)
    if grant != "authorization_code":
        return by_operator
    if client not in ("registered itself", "a user's") or (client == "a user's" and mode == "demo"):
        return NOTHING if api == "without scopes" else BOTH
    if api == "without scopes":
        return NOTHING if mode == "demo" else REFUSED
    return READ if api == "half open" else by_operator


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def deployed(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("deployed")
    keys = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **MODES[mode], **keys) as opened:
        yield opened


@pytest.fixture(scope="module")
def sites(deployed: Provider) -> dict[str, ResourceClient]:
    created = {name: ResourceClient.create(deployed, policy=policy) for name, policy in CLIENTS.items()}
    for name, is_operator in OWNERS.items():
        give(deployed, created[name], add_owner(deployed, is_operator=is_operator))
    return created


def add_owner(provider: Provider, *, is_operator: bool) -> int:
    """Create an account; return its id."""
    user = provider.server.users.create(f"owner{secrets.token_hex(4)}", "correct horse battery staple")
    provider.server.users.set_operator(user.id, is_operator)
    return int(user.id)


def give(provider: Provider, site: ResourceClient, owner: int) -> None:
    """Make an account the owner of a client."""
    client = provider.server.clients.find(site.client.client_id)
    provider.server.clients.owners.set(client.id, provider.server.accounts.subjects.subject_for_user(str(owner))[0])


@pytest.fixture(scope="module")
def apis(deployed: Provider, sites: dict[str, ResourceClient]) -> dict[str, Resource]:
    created = {}
    for name, (open_scopes, closed_scopes, allowed) in APIS.items():
        created[name] = api = create_api(deployed, open_scopes, closed_scopes)
        for site in sites.values():
            client = deployed.server.clients.find(site.client.client_id)
            if allowed is not None:
                deployed.server.resources.allow(client, api, allowed)
    return created


def ask(site: ResourceClient, api: Resource, grant: str, scope: str | None) -> tuple[str | None, set[str]]:
    """Return the error, and the scope at the API."""
    if grant == "authorization_code":
        answer = site.allow(scope, api.identifier)
        if "error" in answer.query:
            return answer.query["error"], set()
        found = site.exchange(code_of(answer))
    else:
        user = {} if grant == "client_credentials" else {"username": "alice", "password": password_of(site.provider)}
        asked = {} if scope is None else {"scope": scope}
        found = site.post_token(grant, api.identifier, **user, **asked)
    if found.status != 200:
        return found.error, set()
    audience, values = site.describe(found.json["access_token"])
    assert audience == [api.identifier]
    return None, values


def password_of(provider: Provider) -> str:
    return "valid" if provider.server.settings.demo else "correct horse battery staple"


@pytest.mark.parametrize(("client", "api", "grant"), [*product(CLIENTS, APIS, GRANTS)])
def test_a_client_gets_what_an_operator_or_a_person_may_allow_it(
    mode: str, sites: dict[str, ResourceClient], apis: dict[str, Resource], client: str, api: str, grant: str
) -> None:
    allowed = expected(mode, client, api, grant)
    site, resource = sites[client], apis[api]
    error, scope = ask(site, resource, grant, None)
    assert (error, scope) == (("invalid_target", set()) if allowed is None else (None, allowed))
    for value in ("read", "write"):
        error, scope = ask(site, resource, grant, value)
        if allowed is None:
            assert error == "invalid_target"
        elif value in allowed:
            assert (error, scope) == (None, {value})
        else:
            assert error == "invalid_scope"


@pytest.mark.parametrize("api", ["closed", "half open"])
def test_a_scope_that_is_closed_again_goes_out_of_tokens_and_grants(deployed: Provider, api: str) -> None:
    resources = deployed.server.resources
    site = ResourceClient.create(deployed, policy={"is_self_registered": True})
    resource = create_api(deployed, "read write")
    given = site.get_tokens("read write", resource.identifier)
    closed = {"closed": ("", "read write"), "half open": ("read", "write")}[api]
    model = create_api(deployed, *closed)
    resources.update(resource.id, scopes=[*model.scopes.values()], is_open=model.is_open)
    if api == "closed":
        assert deployed.introspect(site.client, given["access_token"]) == {"active": False}
        assert site.refresh(given["refresh_token"], resource.identifier).error == "invalid_grant"
    else:
        assert site.describe(given["access_token"])[1] == {"read"}
        assert site.refresh(given["refresh_token"], resource.identifier).json["scope"] == "read"


def test_a_client_that_is_no_longer_allowed_loses_its_token(deployed: Provider) -> None:
    site = ResourceClient.create(deployed)
    api, client = create_api(deployed, "", "read"), deployed.server.clients.find(site.client.client_id)
    deployed.server.resources.allow(client, api, "read")
    token = site.post_token("client_credentials", api.identifier).json["access_token"]
    assert site.describe(token)[1] == {"read"}
    deployed.server.resources.disallow(client, api)
    assert deployed.introspect(site.client, token) == {"active": False}
    assert site.post_token("client_credentials", api.identifier).error == "invalid_target"


def test_the_scope_that_a_client_registered_does_not_limit_the_scopes_of_apis(deployed: Provider) -> None:
    site = ResourceClient.create(deployed, scope="openid")
    assert site.get_tokens("read", create_api(deployed, "read").identifier)["scope"] == "read"


def test_what_is_allowed_at_one_api_covers_nothing_at_another(deployed: Provider) -> None:
    site = ResourceClient.create(deployed)
    first, second = create_api(deployed, "", "read"), create_api(deployed, "", "read")
    deployed.server.resources.allow(deployed.server.clients.find(site.client.client_id), first, "read")
    assert site.post_token("client_credentials", first.identifier, second.identifier).error == "invalid_target"
    assert site.post_token("client_credentials", first.identifier).json["scope"] == "read"


def test_the_client_of_an_operator_who_is_dismissed_loses_what_is_closed(mode: str, deployed: Provider) -> None:
    site, owner, api = (
        ResourceClient.create(deployed),
        add_owner(deployed, is_operator=True),
        create_api(deployed, "read", "write"),
    )
    give(deployed, site, owner)
    given = site.get_tokens("read write", api.identifier)
    assert site.describe(given["access_token"])[1] == {"read", "write"}
    deployed.server.users.set_operator(owner, False)
    left = BOTH if mode == "demo" else READ  # in the demo everybody is an operator
    assert site.describe(given["access_token"])[1] == left
    refreshed = site.refresh(given["refresh_token"], api.identifier)
    assert set(refreshed.json["scope"].split()) == left
    give(deployed, site, add_owner(deployed, is_operator=True))
    assert site.refresh(refreshed.json["refresh_token"], api.identifier).json["scope"] == "read write"
