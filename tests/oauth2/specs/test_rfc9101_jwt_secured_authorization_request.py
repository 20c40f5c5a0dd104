"""Authorization requests that their client signed, by value and by reference, and what is refused about them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from flask import Flask
from jwcrypto import jwk

from tests.support.openid_client import NONCE, OpenIDClient
from tests.support.person import REDIRECT_URI, code_of
from tests.support.request_objects import ISSUER, answered, create_site, parameters, send, signed
from tests.support.signing_client import assertion_claims, key_for, secret_key, sign
from tests.support.token_requests import Provider
from tests.support.waiting import POLL_SECONDS
from website.clients.metadata import check_metadata

METADATA = "/.well-known/openid-configuration"
Create = Callable[..., Flask]


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    return create_site(stored_provider)


# By value


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_signed_request_is_the_whole_request(site: OpenIDClient, algorithm: str) -> None:
    answer = site.person.decide(send(site, request=signed(site, algorithm)))
    assert answered(answer)["state"] == "signed"
    assert site.judge(site.redeem(code_of(answer))["id_token"])["nonce"] == NONCE


def test_what_stands_beside_it_is_not_read(site: OpenIDClient) -> None:
    page = send(
        site, request=signed(site, scope="openid"), scope="openid email", state="unsigned", response_type="token",
        redirect_uri="https://attacker.example/", prompt="none", nonce="other",
    )  # fmt: skip
    assert page.status == 200
    answer = site.person.decide(page)
    assert answered(answer)["state"] == "signed"
    assert answer.location.startswith(REDIRECT_URI)
    tokens = site.redeem(code_of(answer))
    assert tokens["scope"] == "openid"
    assert site.judge(tokens["id_token"])["nonce"] == NONCE


def test_numbers_and_objects_keep_their_meaning(site: OpenIDClient) -> None:
    claims = {"id_token": {"acr": {"essential": True, "values": ["gold"]}}}
    answer = send(site, request=signed(site, max_age=10_000, claims=claims))
    assert answered(answer)["error"] == "unmet_authentication_requirements"


def test_it_may_be_posted(site: OpenIDClient) -> None:
    fields = {"client_id": site.client.client_id, "request": signed(site)}
    answer = site.person.post("/oauth/authorize", fields)
    page = site.person.get(answer.location)
    assert answered(site.person.decide(page))["state"] == "signed"


def test_it_waits_while_the_person_logs_in_even_if_it_expires_meanwhile(stored_provider: Provider) -> None:
    site = create_site(stored_provider, require_signed_request_object=True)
    site.person.log_out()
    present = int(time.time())
    with time_machine.travel(present, tick=False) as clock:
        login = send(site, request=signed(site, exp=present + 60))
        clock.shift(300)
        page = site.person.get(login.location)
        entered = site.person.post(login.location, {**page.hidden_fields(), "username": "alice"})
        answer = site.person.decide(site.person.get(entered.location))
        assert answered(answer)["state"] == "signed"
        assert site.redeem(code_of(answer))["id_token"]


def test_a_secret_signs_too(stored_provider: Provider) -> None:
    site = create_site(stored_provider, request_object_signing_alg="HS256")
    by_secret = sign(secret_key(site.client.secret or ""), "HS256", parameters(site))
    assert answered(site.person.decide(send(site, request=by_secret)))["state"] == "signed"
    error = answered(send(site, request=signed(site), redirect_uri=REDIRECT_URI))
    assert error["error"] == "invalid_request_object"


@pytest.mark.parametrize("kind", [None, "JWT", "oauth-authz-req+jwt", "OAUTH-AUTHZ-REQ+JWT"])
def test_its_type_may_be_said(site: OpenIDClient, kind: str | None) -> None:
    assert send(site, request=signed(site, header={"typ": kind} if kind else None)).status == 200


# What is refused

PRESENT = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "somebody"},
    "for another audience": {"aud": "https://elsewhere.example"},
    "for an audience that is a number": {"aud": 7},
    "of another client": {"client_id": "somebody"},
    "expired": {"exp": PRESENT - 3600},
    "that is not valid yet": {"nbf": PRESENT + 3600},
    "with an end that is a text": {"exp": "soon"},
    "in another": {"request": "e30.e30."},
    "that points on": {"request_uri": "https://client.example/r"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_an_object_that_does_not_hold_is_refused(site: OpenIDClient, changes: dict[str, Any]) -> None:
    answer = send(site, request=signed(site, **changes), redirect_uri=REDIRECT_URI, state="unsigned")
    said = answered(answer)
    assert (said["error"], said["state"]) == ("invalid_request_object", "unsigned")


def test_no_signature_but_the_clients_own_does(site: OpenIDClient) -> None:
    head, body, _signature = signed(site).split(".")
    stranger = jwk.JWK.generate(kty="EC", crv="P-256", kid="key-ES256")
    forged = {
        "no signature": f"{head}.{body}.",
        "a stranger's": sign(stranger, "ES256", parameters(site)),
        "no JWT": "nonsense",
        "another type": signed(site, header={"typ": "at+jwt"}),
        "what authenticates a client": sign(
            key_for("ES256"), "ES256", {**parameters(site), **assertion_claims(site.client.client_id, ISSUER)}
        ),
    }
    for name, text in forged.items():
        said = answered(send(site, request=text, redirect_uri=REDIRECT_URI))
        assert said["error"] == "invalid_request_object", name


def of_algorithm(site: OpenIDClient, **header: Any) -> str:
    """Return an object whose header says this; nobody signed it."""
    return f"{jwk.base64url_encode(json.dumps(header))}.{signed(site).split('.')[1]}."


@pytest.mark.parametrize("algorithm", ["none", "None", "RS1", "ES256K", "", None, ["ES256"], {"a": 1}])
def test_an_object_that_nobody_signed_or_by_no_algorithm_of_ours_is_of_a_form_not_supported(
    site: OpenIDClient, algorithm: Any
) -> None:
    text = of_algorithm(site, **({} if algorithm is None else {"alg": algorithm}))
    said = answered(send(site, request=text, redirect_uri=REDIRECT_URI, state="plain"))
    assert (said["error"], said["state"]) == ("request_not_supported", "plain")


@pytest.mark.parametrize("uri", ["urn:ietf:params:oauth:request_uri:x", "file:///etc/passwd", "x"])
def test_a_reference_of_another_form_is_not_supported(site: OpenIDClient, uri: str) -> None:
    said = answered(send(site, request_uri=uri, redirect_uri=REDIRECT_URI))
    assert said["error"] == "request_uri_not_supported"


def test_an_error_goes_to_no_place_that_only_an_unread_object_names(site: OpenIDClient) -> None:
    answer = send(site, request=signed(site, iss="somebody"), redirect_uri="https://attacker.example/")
    assert answer.status == 400
    assert "attacker.example" not in answer.text


def test_an_error_in_what_was_signed_goes_where_the_object_says(site: OpenIDClient) -> None:
    said = answered(send(site, request=signed(site, prompt="none login"), state="unsigned"))
    assert (said["error"], said["state"]) == ("invalid_request", "signed")
    posted = site.person.post(
        "/oauth/authorize",
        {"client_id": site.client.client_id, "request": signed(site, prompt="none login"), "state": "unsigned"},
    )
    assert answered(posted)["state"] == "signed"


def test_a_redirect_uri_that_is_not_registered_is_refused_in_an_object_too(site: OpenIDClient) -> None:
    answer = send(site, request=signed(site, redirect_uri="https://attacker.example/"))
    assert answer.status == 400


def test_without_a_client_nothing_is_read(site: OpenIDClient) -> None:
    assert send(site, client_id=None, request=signed(site)).status == 400


def test_by_value_and_by_reference_at_once_is_refused(site: OpenIDClient) -> None:
    said = answered(send(site, request=signed(site), request_uri="https://c.example/r", redirect_uri=REDIRECT_URI))
    assert said["error"] == "invalid_request"


def test_a_client_may_want_each_request_to_be_signed(stored_provider: Provider) -> None:
    site = create_site(stored_provider, require_signed_request_object=True)
    assert answered(site.ask())["error"] == "invalid_request"
    answer = site.person.decide(send(site, request=signed(site)))
    assert code_of(answer)


def test_the_server_may_want_each_request_to_be_signed(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_REQUIRE_SIGNED_REQUEST_OBJECT=True))
    site = create_site(provider)
    assert provider.get(METADATA).json["require_signed_request_object"] is True
    assert answered(site.ask())["error"] == "invalid_request"
    assert code_of(site.person.decide(send(site, request=signed(site))))


# By reference


@pytest.fixture
def published() -> Iterator[tuple[str, dict[str, str]]]:
    """An address, and what it answers with: the text and its type."""
    document = {"text": "", "type": "application/oauth-authz-req+jwt"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = document["text"].encode()
            self.send_response(200)
            self.send_header("Content-Type", document["type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/request.jwt", document
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("fragments", [("", ""), ("#one", "#one"), ("", "#other"), ("#one", "")])
def test_a_registered_address_is_read(
    create_application: Create, published: tuple[str, dict[str, str]], fragments: tuple[str, str]
) -> None:
    address, document = published
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    site = create_site(provider, request_uris=[address + fragments[0]])
    document["text"] = signed(site)
    answer = site.person.decide(send(site, request_uri=address + fragments[1]))
    assert answered(answer)["state"] == "signed"


def test_no_other_address_is_asked(create_application: Create, published: tuple[str, dict[str, str]]) -> None:
    address, document = published
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    site = create_site(provider, request_uris=[address])
    document["text"] = signed(site)
    for asked in (address + "?x", address.replace("127.0.0.1", "localhost"), "https://attacker.example/"):
        said = answered(send(site, request_uri=asked, redirect_uri=REDIRECT_URI))
        assert said["error"] == "invalid_request_uri"


@pytest.mark.parametrize("wrong", [{"type": "text/html"}, {"text": "é"}, {"text": "nonsense"}])
def test_what_is_no_signed_object_is_refused(
    create_application: Create, published: tuple[str, dict[str, str]], wrong: dict[str, str]
) -> None:
    address, document = published
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    site = create_site(provider, request_uris=[address])
    document.update({"text": signed(site), **wrong})
    said = answered(send(site, request_uri=address, redirect_uri=REDIRECT_URI))
    assert said["error"] in ("invalid_request_uri", "invalid_request_object")


# Registration and discovery


@pytest.mark.parametrize(
    "wrong",
    [
        {"request_object_signing_alg": "none"}, {"request_object_signing_alg": 7}, {"request_uris": "https://a.example"},
        {"request_uris": ["ftp://a.example"]}, {"request_uris": [7]}, {"request_uris": ["https://a.example"] * 21},
        {"require_signed_request_object": "yes"},
    ],
)  # fmt: skip
def test_what_does_not_do_cannot_be_registered(provider: Provider, wrong: dict[str, Any]) -> None:
    good = {
        "client_name": "x",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    assert check_metadata({**good, **wrong}, provider.server.metadata.offered).by_field.keys() == wrong.keys()


def test_discovery_says_what_is_taken(provider: Provider) -> None:
    metadata = provider.get(METADATA).json
    assert metadata["request_parameter_supported"] is True
    assert metadata["request_uri_parameter_supported"] is True
    assert metadata["require_request_uri_registration"] is True
    assert metadata["require_signed_request_object"] is False
    algorithms = metadata["request_object_signing_alg_values_supported"]
    assert {"RS256", "ES256", "HS256"} < set(algorithms)
    assert "none" not in algorithms


def test_switched_off_objects_are_refused_by_name(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc9101_jwt_secured_authorization_request": False}))
    metadata = provider.get(METADATA).json
    assert metadata["request_parameter_supported"] is False
    assert metadata["request_uri_parameter_supported"] is False
    assert "request_object_signing_alg_values_supported" not in metadata
    site = create_site(provider)
    assert answered(site.ask(request=signed(site)))["error"] == "request_not_supported"
    assert answered(site.ask(request_uri="https://c.example/r"))["error"] == "request_uri_not_supported"
