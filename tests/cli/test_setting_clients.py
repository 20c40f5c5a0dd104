"""Changing a client by command and by page: each field, its owner, what is lost and what is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import latest_event, run, run_for_json
from tests.support.person import REDIRECT_URI, Pkce
from tests.support.residents import Resident, add_user, open_database
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    with (
        open_database(request, folder, request.param) as uri,
        open_provider(folder, uri, **{**PRODUCTION, "OAUTH2_SIGNING_ALGORITHMS": ["ES256", "RS256"]}) as opened,
    ):
        for name in ("ada", "mallory"):
            add_user(opened, name, is_operator=name == "ada")
        yield opened


def create(node: Provider, *arguments: str) -> MachineClient:
    made = run_for_json(
        node, "clients", "create", "Printer", "--redirect-uri", REDIRECT_URI, "--grant-type", "authorization_code",
        "--grant-type", "refresh_token", "--grant-type", "client_credentials", *arguments, "--json",
    )  # fmt: skip
    row = node.server.clients.find_any(made["client_id"]).id
    return MachineClient(made["client_id"], made["client_secret"], row, made["token_endpoint_auth_method"])


def change(node: Provider, client: MachineClient, *options: str, exit_code: int = 0) -> str:
    return str(run(node, "clients", "set", *options, "--", client.client_id, exit_code=exit_code).output)


def shown(node: Provider, client: MachineClient) -> dict[str, Any]:
    return run_for_json(node, "clients", "show", "--json", "--", client.client_id)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--name", "Press"), {"client_name": "Press"}),
        (("--redirect-uri", "https://two.example/cb"), {"redirect_uris": ["https://two.example/cb"]}),
        (("--scope", "profile"), {"scope": "profile"}),
        (("--grant-type", "client_credentials"), {"grant_types": ["client_credentials"], "response_types": []}),
        (
            ("--grant-type", "authorization_code", "--grant-type", "implicit", "--response-type", "code id_token"),
            {"response_types": ["code id_token"]},
        ),
        (("--auth-method", "client_secret_post"), {"token_endpoint_auth_method": "client_secret_post"}),
        (("--uri", "https://press.example"), {"client_uri": "https://press.example"}),
        (("--policy-uri", "https://press.example/p"), {"policy_uri": "https://press.example/p"}),
        (("--tos-uri", "https://press.example/t"), {"tos_uri": "https://press.example/t"}),
        (("--first-party",), {"is_first_party": True}),
        (("--may-introspect",), {"may_introspect": True}),
        (("--pkce", "required"), {"pkce_required": True}),
        (("--pkce", "off"), {"pkce_required": False}),
        (("--access-token-format", "jwt"), {"access_token_format": "jwt"}),
        (
            ("--access-token-format", "jwt", "--access-token-alg", "RS256"),
            {"access_token_format": "jwt", "access_token_alg": "RS256"},
        ),
        (("--claims-in-id-token",), {"claims_in_id_token": True}),
        (("--origin", "ionic://press"), {"extra_origins": ["ionic://press"]}),
    ],
)
def test_every_field_that_can_be_created_can_be_changed_and_changed_back(
    node: Provider, options: tuple[str, ...], expected: dict[str, Any]
) -> None:
    client = create(node)
    before = shown(node, client)
    change(node, client, *options)
    after = shown(node, client)
    assert {name: after[name] for name in expected} == expected
    event = latest_event(node, "client_changed")
    assert event.detail["client_id"] == client.client_id
    assert {name for name in after if after[name] != before[name]} <= {
        *expected, "secret_either_way", "grant_types", "response_types",
    }  # fmt: skip


def test_what_is_not_named_stays_consents_too(node: Provider) -> None:
    client = create(node, "--scope", "profile photos")
    person = Resident(node.application)
    person.log_in("mallory")
    person.allow(client.client_id, scope="profile", **Pkce().parameters)
    grants = len(node.server.grants.consents.list_connected_apps(subject_of(node, "mallory")))
    change(node, client, "--name", "Press", "--pkce", "required", "--owner", "mallory", "--origin", "https://a.example")
    assert len(node.server.grants.consents.list_connected_apps(subject_of(node, "mallory"))) == grants
    assert person.allow(client.client_id, scope="profile", **Pkce().parameters).status in (302, 303)


def test_another_subject_type_is_refused_and_any_other_field_is_taken_from_a_file(
    node: Provider, tmp_path: Path
) -> None:
    client, fields = create(node), tmp_path / "fields.json"
    fields.write_text(json.dumps({"subject_type": "pairwise"}))
    assert "subject_type" in change(node, client, "--metadata", str(fields), exit_code=1)
    for value in ("https://client.example/start", None):
        fields.write_text(json.dumps({"initiate_login_uri": value}))
        change(node, client, "--metadata", str(fields))
        assert shown(node, client).get("initiate_login_uri") == value


def subject_of(node: Provider, name: str) -> str:
    return str(node.server.users.subject_of_name(name))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scope", "nonsense"), "--scope"),
        (("--grant-type", "magic"), "--grant-type"),
        (("--auth-method", "none"), "--grant-type: client_credentials needs a client secret"),
        (("--access-token-alg", "RS256"), "--access-token-alg: Sealed access tokens have no signature"),
        (("--access-token-format", "jwt", "--access-token-alg", "EdDSA"), "--access-token-alg: Choose one"),
        (("--origin", "https://app.example/path"), "--origin: https://app.example/path is not an origin"),
        (("--origin", "http://app.example"), "--origin: Plain HTTP"),
        (("--origin", "https://APP.example"), "--origin"),
        (("--origin", "null"), "--origin"),
        (("--origin", "javascript://x"), "--origin"),
        (("--owner", "nobody at all"), "There is no user named"),
        ((), "Give at least one option"),
    ],
)
def test_a_change_that_would_not_do_is_refused_by_its_option(
    node: Provider, options: tuple[str, ...], said: str
) -> None:
    client = create(node)
    before = shown(node, client)
    assert said in change(node, client, *options, exit_code=1 if options else 2)
    assert shown(node, client) == before


def test_a_client_gets_another_owner_by_command_and_by_an_operators_page(node: Provider) -> None:
    client = create(node)
    change(node, client, "--owner", "mallory")
    assert shown(node, client)["owner"] == "mallory"
    assert "mallory" in run(node, "clients", "list").stdout
    event = latest_event(node, "client_owner_changed")
    assert (event.detail["owner"], event.detail["client_id"]) == (subject_of(node, "mallory"), client.client_id)
    ada, mallory = Resident(node.application), Resident(node.application)
    ada.log_in("ada")
    mallory.log_in("mallory")
    assert mallory.get(f"/clients/{client.row}").status == 200
    assert 'data-label="Owner">mallory' in ada.get("/").text
    path = f"/clients/{client.row}/edit"
    assert 'value="mallory"' in ada.get(path).text
    assert 'name="owner"' not in mallory.get(path).text
    fields = {
        "client_name": "Printer", "scope": "profile", "redirect_uri": REDIRECT_URI, "response_type": "code",
        "grant_type": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "client_secret",
    }  # fmt: skip
    for name, status, owner in (("nobody at all", 422, "mallory"), ("ada", 303, "ada"), ("", 303, None)):
        answer = ada.post(path, {**ada.get(path).hidden_fields(), **fields, "owner": name})
        assert answer.status == status, answer.text
        assert shown(node, client)["owner"] == owner
    assert mallory.get(f"/clients/{client.row}").status == 404
    change(node, client, "--owner", "mallory")
    change(node, client, "--no-owner")
    assert shown(node, client)["owner"] is None


def test_events_and_json_name_clients_by_client_id(node: Provider) -> None:
    client = create(node)
    person = Resident(node.application)
    person.log_in("mallory")
    person.allow(client.client_id, scope="profile", **Pkce().parameters)
    change(node, client, "--name", "Press")
    outputs = [
        run(node, "events", "--json").stdout, run(node, "events").stdout,
        run(node, "clients", "list", "--json").stdout, run(node, "users", "export", "mallory").stdout,
    ]  # fmt: skip
    for output in outputs:
        assert client.row not in output
    assert client.client_id in outputs[0]
    run(node, "clients", "delete", "--yes", "--", client.client_id)
    deleted = [
        json.loads(line) for line in run(node, "events", "--event", "client_deleted", "--json").stdout.splitlines()
    ]
    assert deleted[-1]["client"] == client.client_id


# --- C3


@pytest.mark.parametrize("grant", ["token", "introspect", "revoke"])
def test_a_client_made_by_command_sends_its_secret_by_header_or_in_the_body(node: Provider, grant: str) -> None:
    client = create(node)
    fields = {"grant_type": "client_credentials"} if grant == "token" else {"token": "gwat_nothing"}
    posted = {"client_id": client.client_id, "client_secret": client.secret or ""}
    assert node.post(f"/oauth/{grant}", fields, Authorization=client.basic).status == 200
    assert node.post(f"/oauth/{grant}", {**fields, **posted}).status == 200
    both = node.post(f"/oauth/{grant}", {**fields, **posted}, Authorization=client.basic)
    assert (both.status, both.error) == (400, "invalid_request")  # exactly one method
    assert node.post(f"/oauth/{grant}", {**fields, **posted, "client_secret": "wrong"}).status == 401


@pytest.mark.parametrize(("method", "by_header", "in_body"), [("basic", 200, 401), ("post", 401, 200)])
def test_an_owner_narrows_it_to_one_of_the_two(node: Provider, method: str, by_header: int, in_body: int) -> None:
    client = create(node)
    change(node, client, "--auth-method", f"client_secret_{method}")
    fields = {"grant_type": "client_credentials"}
    posted = {"client_id": client.client_id, "client_secret": client.secret or ""}
    assert node.post("/oauth/token", fields, Authorization=client.basic).status == by_header
    assert node.post("/oauth/token", {**fields, **posted}).status == in_body
    change(node, client, "--auth-method", "client_secret")
    assert node.post("/oauth/token", fields, Authorization=client.basic).status == 200


# --- C13


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_jwt_access_tokens_are_signed_as_their_client_says(node: Provider, algorithm: str) -> None:
    client = create(node, "--access-token-format", "jwt", "--access-token-alg", algorithm)
    token = node.get_token(client)["access_token"]
    header = json.loads(_decode(token.partition(".")[0]))
    assert header["alg"] == algorithm
    assert node.server.access_tokens.find_live(token) is not None


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# --- D21


@pytest.mark.parametrize(
    "origin", ["ionic://localhost", "capacitor://localhost", "https://localhost", "chrome-extension://abcdefghijklmnop"]
)
def test_scripts_of_an_added_origin_call_the_server_and_no_other(node: Provider, origin: str) -> None:
    client = create(node, "--origin", origin)

    def allowed(presented: str) -> str | None:
        return node.open("GET", "/oauth/userinfo", headers={"Origin": presented}).headers.get(
            "Access-Control-Allow-Origin"
        )

    assert allowed(origin) == origin
    for other in (f"{origin}.example", f"{origin}:81", origin.upper(), f"{origin}/"):
        assert allowed(other) is None
    change(node, client, "--origin", "")
    assert allowed(origin) is None


def test_a_confidential_client_for_a_code_and_an_id_token_is_made_by_command(node: Provider) -> None:
    made = run_for_json(
        node,
        "clients",
        "create",
        "Hybrid",
        "--redirect-uri",
        REDIRECT_URI,
        "--response-type",
        "code id_token",
        "--json",
    )
    assert made["response_types"] == ["code id_token"]
    assert set(made["grant_types"]) >= {"authorization_code", "implicit"}
    assert made["client_secret"]
