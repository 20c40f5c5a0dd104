"""Every JWT of ours is taken where its kind belongs, and nowhere else: a matrix of kinds and consumers (E12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from tests.support.listening_client import open_listening_client
from tests.support.openid_client import ISSUER, ISSUERS, OpenIDClient, header_of
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, secret_key, sign
from tests.support.token_requests import Provider, open_provider
from website import clock

ID_TOKEN, ACCESS_TOKEN, USERINFO, LOGOUT_TOKEN = "ID token", "access token", "UserInfo answer", "logout token"
ASSERTION, REQUEST_OBJECT = "client assertion", "request object"
TYPES = {ID_TOKEN: None, ACCESS_TOKEN: "at+jwt", USERINFO: "userinfo+jwt", LOGOUT_TOKEN: "logout+jwt"}
#: What a client writes itself, beside what we write for it.
OF_CLIENTS = {ASSERTION: "client-authentication+jwt", REQUEST_OBJECT: "oauth-authz-req+jwt"}
KINDS = (*TYPES, *OF_CLIENTS)


class Kinds:
    """A client that has a JWT of every kind, signed by one algorithm where it can choose."""

    def __init__(self, provider: Provider, algorithm: str) -> None:
        with open_listening_client() as listener:
            self.site = OpenIDClient.of(provider, self._create_client(provider, algorithm, listener.url))
            self.site.person.log_in("alice")
            tokens = self._ask_tokens()
            self.made = {ID_TOKEN: tokens["id_token"], ACCESS_TOKEN: tokens["access_token"]}
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            self.made[USERINFO] = provider.get("/oauth/userinfo", **bearer).body.decode()
            self.site.person.log_out()
            assert provider.application.test_cli_runner().invoke(args=["worker", "--once"]).exit_code == 0
            [self.made[LOGOUT_TOKEN]] = listener.wait_for(1)
        self.site.person.log_in("alice")
        tokens = self._ask_tokens()
        # Of the login that stands.
        self.made |= {ID_TOKEN: tokens["id_token"], ACCESS_TOKEN: tokens["access_token"]}

    @staticmethod
    def _create_client(provider: Provider, algorithm: str, uri: str):  # type: ignore[no-untyped-def]
        return OpenIDClient.create(
            provider,
            id_token_signed_response_alg=algorithm,
            userinfo_signed_response_alg=algorithm,
            backchannel_logout_uri=uri,
            token_endpoint_auth_method="client_secret_jwt",
            policy={"access_token_format": "jwt"},
        ).client

    def _ask_tokens(self) -> dict[str, str]:
        answer = self.site.allow()
        fields = {
            "grant_type": "authorization_code", "redirect_uri": "https://client.example/cb",
            "code": answer.query["code"], "code_verifier": self.site.pkce.verifier,
            **self.assert_by(self.fresh(ASSERTION)),
        }  # fmt: skip
        tokens: dict[str, str] = self.site.provider.post("/oauth/token", fields).json
        return tokens

    @staticmethod
    def assert_by(text: str) -> dict[str, str]:
        return {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}

    def fresh(self, kind: str) -> str:
        """Return a JWT of a kind; of what is good for one use, a new one."""
        if kind in TYPES:
            return self.made[kind]
        claims = assertion_claims(self.site.client.client_id, ISSUER)
        if kind == REQUEST_OBJECT:
            wanted = {"response_type": "code", "redirect_uri": "https://client.example/cb", "scope": "openid"}
            claims = {
                **wanted,
                **claims,
                **self.site.pkce.parameters,
                "sub": "alice",
                "prompt": "none",
                "aud": list(ISSUERS),
            }
        return sign(secret_key(self.site.client.secret or ""), "HS256", claims, typ=OF_CLIENTS[kind])

    def forge(self, kind: str, typ: str | None) -> str:
        """Return the claims of a JWT that the client writes, under another type."""
        header = {} if typ is None else {"typ": typ}
        claims = assertion_claims(self.site.client.client_id, ISSUER)
        if kind == REQUEST_OBJECT:
            claims |= {"response_type": "code", "sub": "alice"}
        return sign(secret_key(self.site.client.secret or ""), "HS256", claims, **header)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    settings = {"OAUTH2_OUTBOUND_LOOPBACK": True, "OAUTH2_SENDS_NOTICES": False}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


@pytest.fixture(scope="module", params=["RS256", "ES256", "HS256"])
def kinds(request: pytest.FixtureRequest, node: Provider) -> Kinds:
    return Kinds(node, request.param)


def opens_userinfo(kinds: Kinds, text: str) -> bool:
    return kinds.site.provider.get("/oauth/userinfo", Authorization=f"Bearer {text}").status == 200


def opens_api(kinds: Kinds, text: str) -> bool:
    # 403: it is one, of another scope.
    return kinds.site.provider.get("/api/me", Authorization=f"Bearer {text}").status in (200, 403)


def is_introspected(kinds: Kinds, text: str) -> bool:
    fields = {"token": text, **kinds.assert_by(kinds.fresh(ASSERTION))}
    return bool(kinds.site.provider.post("/oauth/introspect", fields).json["active"])


def is_hint_of_authorization(kinds: Kinds, text: str) -> bool:
    answer = kinds.site.ask(prompt="none", id_token_hint=text)
    return "code" in answer.query


def is_hint_of_logout(kinds: Kinds, text: str) -> bool:
    page = kinds.site.person.get(f"/oauth/logout?{urlencode({'id_token_hint': text})}")
    if "You're logged out" not in page.text:
        assert "id_token_hint" in page.element("problems")
        return False
    kinds.site.person.log_in("alice")
    kinds.made[ID_TOKEN] = kinds._ask_tokens()["id_token"]
    kinds.made[ACCESS_TOKEN] = kinds._ask_tokens()["access_token"]
    return True


def is_hint_of_a_server(kinds: Kinds, text: str) -> bool:
    fields = {"id_token_hint": text, **kinds.assert_by(kinds.fresh(ASSERTION))}
    answer = kinds.site.provider.post("/oauth/logout", fields)
    if answer.status != 204:
        return False
    kinds.site.person.log_in("alice")
    kinds.made[ID_TOKEN] = kinds._ask_tokens()["id_token"]
    kinds.made[ACCESS_TOKEN] = kinds._ask_tokens()["access_token"]
    return True


def authenticates_client(kinds: Kinds, text: str) -> bool:
    fields = {"token": "x", **kinds.assert_by(text)}
    return kinds.site.provider.post("/oauth/introspect", fields).status == 200


def is_request(kinds: Kinds, text: str) -> bool:
    query = urlencode({"client_id": kinds.site.client.client_id, "request": text})
    return "code" in kinds.site.person.get(f"/oauth/authorize?{query}").query


Consumer = Callable[[Kinds, str], bool]
#: Every consumer of JWTs, with the one kind that it takes.
CONSUMERS: tuple[tuple[Consumer, str], ...] = (
    (opens_userinfo, ACCESS_TOKEN),
    (opens_api, ACCESS_TOKEN),
    (is_introspected, ACCESS_TOKEN),
    (is_hint_of_authorization, ID_TOKEN),
    (is_hint_of_logout, ID_TOKEN),
    (is_hint_of_a_server, ID_TOKEN),
    (authenticates_client, ASSERTION),
    (is_request, REQUEST_OBJECT),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("consumer", "taken"), CONSUMERS, ids=lambda value: getattr(value, "__name__", ""))
def test_each_consumer_takes_its_own_kind_alone(kinds: Kinds, consumer: Consumer, taken: str, kind: str) -> None:
    assert consumer(kinds, kinds.fresh(kind)) == (kind == taken)


@pytest.mark.parametrize("kind", TYPES)
def test_each_jwt_of_ours_says_what_it_is(kinds: Kinds, kind: str) -> None:
    assert header_of(kinds.made[kind]).get("typ") == TYPES[kind]


@pytest.mark.parametrize("typ", [*TYPES.values(), "userinfo+jwt", "JWT", "made-up+jwt"])
def test_a_client_s_own_jwts_are_judged_by_their_type(kinds: Kinds, typ: str | None) -> None:
    assertion = kinds.forge(ASSERTION, typ)
    assert authenticates_client(kinds, assertion) == (typ in (None, "JWT"))
    assert not is_request(kinds, assertion)
    assert not authenticates_client(kinds, kinds.forge(REQUEST_OBJECT, typ))


# Hints: by the registered algorithm, and no more than the client could know anyway


def hint_claims(site: OpenIDClient, **changes: object) -> dict[str, object]:
    [row] = site.provider.server.sessions.list_of(site.provider.server.accounts.subjects.find(user_of(site)))
    present = clock.now()
    claims = {
        "iss": ISSUER, "aud": site.client.client_id, "sub": row.subject, "sid": row.id, "iat": present,
        "exp": present + 300, **changes,
    }  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def user_of(site: OpenIDClient) -> str:
    return str(site.provider.server.users.find_or_create("bob").id)


def open_site(node: Provider, algorithm: str) -> OpenIDClient:
    site = OpenIDClient.create(node, id_token_signed_response_alg=algorithm)
    for row in node.server.sessions.list_of(node.server.accounts.subjects.find(user_of(site)) or ""):
        node.server.sessions.end_for_client(row.id, row.subject, site.client.row)
    site.person.log_in("bob")
    return site


def logs_out_unasked(site: OpenIDClient, hint: str) -> bool:
    page = site.person.get(f"/oauth/logout?{urlencode({'id_token_hint': hint})}")
    assert page.status == 200
    return "You're logged out" in page.text


@pytest.mark.parametrize("registered", ["RS256", "ES256"])
@pytest.mark.parametrize("forged", ["HS256", "HS384"])
def test_a_client_s_secret_signs_no_hint_unless_it_registered_that(
    node: Provider, registered: str, forged: str
) -> None:
    site = open_site(node, registered)
    hint = sign(secret_key(site.client.secret or ""), forged, hint_claims(site))
    assert not logs_out_unasked(site, hint)
    assert "code" not in site.allow(prompt="none", id_token_hint=hint).query


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "whoever"},
        {"sid": "A" * 22},
        {"sid": None},
        {"exp": None},
        {"iat": None},
        {"iat": "now"},
        {"iat": 1_000_000_000},
        {"iat": 9_000_000_000},
        {"iss": "https://elsewhere.example"},
    ],
    ids=str,
)
def test_what_a_client_could_make_up_itself_has_the_person_asked(node: Provider, changes: dict[str, object]) -> None:
    site = open_site(node, "HS256")
    key = secret_key(site.client.secret or "")
    assert not logs_out_unasked(site, sign(key, "HS256", hint_claims(site, **changes)))
    assert logs_out_unasked(site, str(site.get_tokens()["id_token"]))


@pytest.mark.parametrize("other", ["ES256", "HS256"])
def test_a_hint_by_the_algorithm_of_before_is_asked_about(node: Provider, other: str) -> None:
    site = open_site(node, "RS256")
    hint = str(site.get_tokens()["id_token"])
    changed = open_site(node, other)
    assert header_of(hint)["alg"] != header_of(str(changed.get_tokens()["id_token"]))["alg"]
    assert not logs_out_unasked(changed, hint)


def test_an_answer_of_the_userinfo_endpoint_from_before_it_had_a_type_is_no_hint(node: Provider) -> None:
    site = open_site(node, "RS256")
    claims = hint_claims(site, iat=None, exp=None, sid=None)
    assert not logs_out_unasked(site, node.server.keys.sign(None, claims, "RS256"))
    assert "code" not in site.allow(prompt="none", id_token_hint=node.server.keys.sign(None, claims, "RS256")).query
