"""Checks for the metadata: for each member, how to see that an advertised value works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from jwcrypto import jwt
from sqlalchemy import update

from tests.support.device_flow import DEVICE_CODE, allow, poll, start_device
from tests.support.encryption_keys import KEY_ALGORITHMS as CLIENTS_KEYS
from tests.support.encryption_keys import KEYS, decrypt, userinfo
from tests.support.openid_client import NONCE, OpenIDClient, header_of, posted_fields
from tests.support.person import REDIRECT_URI, Answer, Person
from tests.support.registering_client import ask as register
from tests.support.request_objects import encrypt, key_of, parameters, send
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, secret_key, sign
from tests.support.token_requests import INTROSPECT, REVOKE, TOKEN, MachineClient, Provider, basic
from website.models.login_session import LoginSession

Proof = Callable[[Provider, Any], None]
ENDPOINTS = {"token": TOKEN, "revocation": REVOKE, "introspection": INTROSPECT}
ISSUER = "http://127.0.0.1:5000"
EVERY_CLAIM = {
    "name": "Dora", "given_name": "D", "family_name": "A", "middle_name": "M", "nickname": "d",
    "profile": "https://x.example/d", "picture": "https://x.example/p", "website": "https://x.example",
    "gender": "other", "birthdate": "1990-01-02", "zoneinfo": "Europe/Oslo", "locale": "nb-NO",
    "email": "dora@example.org", "phone_number": "+4712345678", "country": "Norway",
}  # fmt: skip


def site_of(provider: Provider, username: str = "alice", **metadata: Any) -> OpenIDClient:
    site = OpenIDClient.create(provider, **metadata)
    site.person.log_in(username)
    return site


# Addresses


def answers(provider: Provider, address: str) -> None:
    path = urlsplit(address).path
    assert {provider.open(method, path).status for method in ("GET", "POST")} - {404, 405}


# What is asked, and what comes


def is_granted(provider: Provider, scope: str) -> None:
    if scope == "offline_access":
        granted = site_of(provider).get_tokens(scope=f"openid {scope}")["scope"]
    else:
        granted = provider.log_in(provider.create_client("password", scope=scope))["scope"]
    assert scope in granted.split()


def gives_what_it_names(provider: Provider, response_type: str) -> None:
    site = site_of(provider, **({"token_endpoint_auth_method": "none"} if response_type == "token" else {}))
    answer = site.allow(response_type, **({"scope": "profile", "nonce": None} if response_type == "token" else {}))
    given = answer.fragment if answer.fragment or "#" not in answer.location else answer.query
    named = {{"token": "access_token"}.get(value, value) for value in response_type.split()}
    assert named == given.keys() & {"code", "access_token", "id_token"}


def brings_the_response(provider: Provider, mode: str) -> None:
    site = site_of(provider)
    answer = site.allow("id_token" if mode == "fragment" else "code", response_mode=mode, state="s")
    given = {"query": lambda: answer.query, "fragment": lambda: answer.fragment}.get(
        mode, lambda: posted_fields(answer)
    )()
    assert given["state"] == "s"


def gives_a_token(provider: Provider, grant_type: str) -> None:
    if grant_type in ("authorization_code", "implicit"):
        return gives_what_it_names(provider, {"implicit": "token"}.get(grant_type, "code"))
    client = provider.create_client("client_credentials", "password", "refresh_token", DEVICE_CODE, scope="profile")
    if grant_type == DEVICE_CODE:
        person, codes = Person(provider.application.test_client()), start_device(provider, client)
        person.log_in()
        allow(person, codes["user_code"])
        assert poll(provider, client, codes["device_code"]).status == 200
        return None
    if grant_type == "refresh_token":
        assert provider.refresh(client, provider.log_in(client)["refresh_token"]).status == 200
        return None
    fields = {"username": provider.create_user(), "password": "valid"} if grant_type == "password" else {}
    assert provider.get_token(client, grant_type, **fields)["access_token"]
    return None


def takes_the_challenge(provider: Provider, method: str) -> None:
    assert site_of(provider).get_tokens(code_challenge_method=method)["access_token"]


def is_in_the_response(provider: Provider, value: bool) -> None:
    assert value is ("iss" in site_of(provider).allow().query)


def is_honoured(provider: Provider, prompt: str) -> None:
    site = site_of(provider)
    site.allow()
    answer = site.ask(prompt=prompt)
    seen = {
        "none": "code" in answer.query,
        "login": "again=1" in answer.location,
        "select_account": "again=1" in answer.location,
        "consent": "wants to log you in" in answer.text,
    }
    assert seen[prompt]


def pages_are_in_it(provider: Provider, language: str) -> None:
    site = site_of(provider)
    login = site.person.get(site.ask(prompt="login", ui_locales=language).location)
    assert f'<html lang="{language}"' in login.text


# Clients


def authenticates(provider: Provider, value: str, *, endpoint: str, algorithm: str = "") -> None:
    """See a client authenticate by a method; or, where an algorithm is what is proved, sign by it."""
    method = value
    if algorithm:
        method = "client_secret_jwt" if algorithm.startswith("HS") else "private_key_jwt"
    metadata = {"jwks": jwks_of(key_for(algorithm or "ES256"))} if method == "private_key_jwt" else {}
    client = provider.create_client("password", scope="profile", token_endpoint_auth_method=method, **metadata)
    provider.create_user()
    fields, headers = credentials(client, method, algorithm or ("HS256" if "secret" in method else "ES256"))
    asked = (
        {"grant_type": "password", "username": "alice", "password": "valid"} if endpoint == "token" else {"token": "x"}
    )
    answer = provider.post(ENDPOINTS[endpoint], {**asked, **fields}, **headers)
    assert answer.status == 200, answer.body


def credentials(client: MachineClient, method: str, algorithm: str) -> tuple[dict[str, str], dict[str, str]]:
    if method == "client_secret_basic":
        return {}, {"Authorization": basic(client.client_id, client.secret or "")}
    if method in ("client_secret_post", "none"):
        fields = {"client_id": client.client_id, "client_secret": client.secret or ""}
        return {name: value for name, value in fields.items() if value}, {}
    key = secret_key(client.secret or "") if method == "client_secret_jwt" else key_for(algorithm)
    assertion = sign(key, algorithm, assertion_claims(client.client_id, ISSUER))
    return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}, {}


def signs_by(provider: Provider, algorithm: str, *, endpoint: str) -> None:
    authenticates(provider, "", endpoint=endpoint, algorithm=algorithm)


# ID tokens and UserInfo


def claims_of(site: OpenIDClient, token: str) -> dict[str, Any]:
    if header_of(token)["alg"].startswith("HS"):
        key = secret_key(site.client.secret or "")
        claims: dict[str, Any] = json.loads(jwt.JWT(jwt=token, key=key, algs=["HS256", "HS384"]).claims)
        return claims
    return site.judge(token)


def written(site: OpenIDClient, kind: str) -> str:
    tokens = site.get_tokens()
    return str(tokens["id_token"]) if kind == "id_token" else userinfo(site, tokens["access_token"]).body.decode()


def is_signed_by(provider: Provider, algorithm: str, *, kind: str) -> None:
    site = site_of(provider, **{f"{kind}_signed_response_alg": algorithm})
    token = written(site, kind)
    assert header_of(token)["alg"] == algorithm
    assert claims_of(site, token)["sub"]


def is_encrypted_by(provider: Provider, value: str, *, kind: str, member: str) -> None:
    chosen = {"alg": "ECDH-ES", "enc": "A128GCM", member: value}
    fields = {f"{kind}_encrypted_response_{name}": chosen[name] for name in ("alg", "enc")}
    site = site_of(provider, jwks=KEYS, **{f"{kind}_signed_response_alg": "ES256"}, **fields)
    header, text = decrypt(written(site, kind), CLIENTS_KEYS[chosen["alg"]])
    assert (header["alg"], header["enc"]) == (chosen["alg"], chosen["enc"])
    assert site.judge(text)["sub"]


def names_the_user(provider: Provider, subject_type: str) -> None:
    site, other = (site_of(provider, subject_type=subject_type) for _site in range(2))
    public = site_of(provider, subject_type="public")
    subjects = [one.judge(one.get_tokens()["id_token"])["sub"] for one in (site, other, public)]
    assert subjects[0] == subjects[1]
    assert (subjects[0] == subjects[2]) is (subject_type == "public")


def is_told(provider: Provider, claim: str) -> None:
    account = provider.server.users.find_or_create("dora of the claims")
    provider.server.users.set_claims(
        int(account.id), EVERY_CLAIM, {"email_verified": True, "phone_number_verified": True}
    )
    scope = "openid profile email address phone"
    if "groups" in provider.server.registry.scopes:
        scope += " groups"
    site = site_of(provider, "dora of the claims", scope=scope)
    tokens = site.get_tokens(scope=scope, nonce=NONCE)
    fragment = site.allow("code id_token token").fragment
    heard = {
        *userinfo(site, tokens["access_token"]).json,
        *site.judge(tokens["id_token"]),
        *site.judge(fragment["id_token"]),
    }
    # In the demo nobody proved anything, so there are no methods to name.
    assert claim in heard or claim == "amr"


def is_the_level(provider: Provider, acr: str) -> None:
    site = site_of(provider)
    if acr != "0":  # a name alone is level 0: the page asks for more, and without one the client learns of it
        assert site.ask(prompt="none", acr_values=acr).query["error"] == "login_required"
        assert site.ask(acr_values=acr).location.startswith("/login/second_factor?")
        with provider.server.database.writing() as session:
            session.execute(update(LoginSession).values(acr=acr))
    assert site.judge(site.get_tokens(acr_values=acr)["id_token"])["acr"] == acr


def can_be_asked_for(provider: Provider, value: bool) -> None:
    site = site_of(provider)
    claims = json.dumps({"id_token": {"updated_at": {"essential": True}}})
    assert value is ("updated_at" in site.judge(site.get_tokens(claims=claims)["id_token"]))


def is_plain(provider: Provider, value: str) -> None:
    site = site_of(provider)
    heard = userinfo(site, site.get_tokens(scope="openid profile")["access_token"]).json
    assert value == "normal"
    assert not {"_claim_names", "_claim_sources"} & heard.keys()


# Request objects


def object_of(site: OpenIDClient, algorithm: str = "ES256") -> str:
    key = secret_key(site.client.secret or "") if algorithm.startswith("HS") else key_for(algorithm)
    return sign(key, algorithm, parameters(site))


def is_asked_by(provider: Provider, algorithm: str) -> None:
    fields = {"token_endpoint_auth_method": "client_secret_jwt"} if algorithm.startswith("HS") else {}
    keys = {} if fields else {"jwks": jwks_of(key_for(algorithm))}
    site = site_of(provider, **fields, **keys)
    assert send(site, request=object_of(site, algorithm)).status == 200


def is_opened(provider: Provider, value: str, *, member: str) -> None:
    chosen = {"alg": "ECDH-ES", "enc": "A128GCM", member: value}
    site = site_of(provider, jwks=jwks_of(key_for("ES256")))
    text = encrypt(object_of(site), key_of(provider, chosen["alg"]), chosen["alg"], chosen["enc"])
    assert send(site, request=text).status == 200


def is_taken_by_value(provider: Provider, value: bool) -> None:
    assert value is True
    is_asked_by(provider, "ES256")


def is_taken_by_reference(provider: Provider, value: bool) -> None:
    """One that is not registered is refused for that, and not for being one."""
    answer = send(
        site_of(provider), request_uri="https://client.example/r", redirect_uri=REDIRECT_URI, response_type="code"
    )
    assert value is (answer.query["error"] == "invalid_request_uri")


def is_not_required(provider: Provider, value: bool) -> None:
    assert value is (site_of(provider).ask().status != 200)


def is_looked_up(provider: Provider, value: bool) -> None:
    """A document on a host that is never connected to is said to be out of reach, and not to be unknown."""
    site = site_of(provider)
    answer = site.person.ask("https://127.0.0.1/client.json", code_challenge="x" * 43, code_challenge_method="S256")
    assert value is (answer.status == 503)


# Logout


def can_be_registered(provider: Provider, value: bool, **fields: Any) -> None:
    assert value is (register(provider, **fields).status == 201)


def is_in_the_frame(provider: Provider, value: bool) -> None:
    site = site_of(
        provider, frontchannel_logout_uri="https://client.example/out", frontchannel_logout_session_required=True
    )
    site.get_tokens()
    page: Answer = site.person.log_out()
    assert value is bool(re.search(r'<iframe[^>]* src="https://client.example/out\?iss=[^"]*&amp;sid=', page.text))


def _clients(endpoint: str) -> dict[str, Proof]:
    return {
        f"{endpoint}_endpoint_auth_methods_supported": partial(authenticates, endpoint=endpoint),
        f"{endpoint}_endpoint_auth_signing_alg_values_supported": partial(signs_by, endpoint=endpoint),
    }


def _jwts(kind: str) -> dict[str, Proof]:
    return {
        f"{kind}_signing_alg_values_supported": partial(is_signed_by, kind=kind),
        f"{kind}_encryption_alg_values_supported": partial(is_encrypted_by, kind=kind, member="alg"),
        f"{kind}_encryption_enc_values_supported": partial(is_encrypted_by, kind=kind, member="enc"),
    }


BACK_CHANNEL = {"backchannel_logout_uri": "https://client.example/out", "backchannel_logout_session_required": True}
FRONT_CHANNEL = {"frontchannel_logout_uri": "https://client.example/out", "frontchannel_logout_session_required": True}
#: A member that is not here has no proof, and the test of the metadata fails.
PROOFS: dict[str, Proof] = {
    **dict.fromkeys(
        (
            "authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri",
            "userinfo_endpoint", "end_session_endpoint", "check_session_iframe", "registration_endpoint",
            "device_authorization_endpoint",
        ),
        answers,
    ),
    "scopes_supported": is_granted,
    "response_types_supported": gives_what_it_names,
    "response_modes_supported": brings_the_response,
    "grant_types_supported": gives_a_token,
    "code_challenge_methods_supported": takes_the_challenge,
    "authorization_response_iss_parameter_supported": is_in_the_response,
    "prompt_values_supported": is_honoured,
    "ui_locales_supported": pages_are_in_it,
    "client_id_metadata_document_supported": is_looked_up,
    **_clients("token"),
    **_clients("revocation"),
    **_clients("introspection"),
    **_jwts("id_token"),
    **_jwts("userinfo"),
    "subject_types_supported": names_the_user,
    "claims_supported": is_told,
    "claim_types_supported": is_plain,
    "acr_values_supported": is_the_level,
    "claims_parameter_supported": can_be_asked_for,
    "request_parameter_supported": is_taken_by_value,
    "request_uri_parameter_supported": is_taken_by_reference,
    "require_request_uri_registration": is_taken_by_reference,
    "require_signed_request_object": is_not_required,
    "request_object_signing_alg_values_supported": is_asked_by,
    "request_object_encryption_alg_values_supported": partial(is_opened, member="alg"),
    "request_object_encryption_enc_values_supported": partial(is_opened, member="enc"),
    "backchannel_logout_supported": partial(can_be_registered, **BACK_CHANNEL),
    "backchannel_logout_session_supported": partial(can_be_registered, **BACK_CHANNEL),
    "frontchannel_logout_supported": partial(can_be_registered, **FRONT_CHANNEL),
    "frontchannel_logout_session_supported": is_in_the_frame,
}  # fmt: skip
