"""The commands that make a client, show it and renew its secret: the same checks as the page's, a secret shown once."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.commands import latest_event, run, run_for_json
from tests.support.device_flow import DEVICE_CODE
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.residents import open_database
from tests.support.token_requests import MachineClient, Provider, open_provider

CODE_CLIENT = ("clients", "create", "Photo Printer", "--redirect-uri", REDIRECT_URI)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    with open_database(request, folder, request.param) as uri, open_provider(folder, uri) as opened:
        yield opened


def row_of(node: Provider, client_id: str) -> str:
    return str(node.server.clients.find_any(client_id).id)


def create(node: Provider, *arguments: str) -> MachineClient:
    made = run_for_json(node, *arguments, "--json")
    row = row_of(node, made["client_id"])
    return MachineClient(made["client_id"], made["client_secret"], row, made["token_endpoint_auth_method"])


def test_a_client_made_by_command_takes_a_person_through_the_code_grant(node: Provider) -> None:
    client = create(node, *CODE_CLIENT)
    person, pkce = Person(node.application.test_client()), Pkce()
    person.log_in()
    code = code_of(person.allow(client.client_id, **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    given = node.get_token(client, "authorization_code", **fields)
    assert {"access_token", "refresh_token"} <= set(given)
    assert set(given["scope"].split()) == {"openid", "profile", "email", *node.server.settings.scopes} - {
        "offline_access"
    }


def test_a_client_made_by_command_is_what_the_options_say(node: Provider) -> None:
    made = run_for_json(
        node, "clients", "create", " Printer ", "--redirect-uri", REDIRECT_URI, "--redirect-uri", "com.example.app:/cb",
        "--redirect-uri", REDIRECT_URI, "--grant-type", "authorization_code", "--scope", "photos  profile photos",
        "--auth-method", "none", "--uri", "https://client.example", "--first-party", "--jwt-access-tokens", "--json",
        "--policy-uri", "https://client.example/privacy", "--tos-uri", "https://client.example/terms",
    )  # fmt: skip
    client_id, created_at = made.pop("client_id"), made.pop("created_at")
    assert made == {
        "client_name": "Printer",
        "client_uri": "https://client.example",
        "policy_uri": "https://client.example/privacy",
        "tos_uri": "https://client.example/terms",
        "redirect_uris": [REDIRECT_URI, "com.example.app:/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "photos profile",
        "token_endpoint_auth_method": "none",
        "is_first_party": True,
        "pkce_required": None,
        "access_token_format": "jwt",
        "may_introspect": False,
        "access_token_alg": None,
        "claims_in_id_token": False,
        "ends_with_login": None,
        "shows_logo": None,
        "is_listed": None,
        "extra_origins": [],
        "owner": None,
        "secret_either_way": False,
        "subject_type": "public",
        "sector": "",
        "owner_subject": None,
        "disabled_at": None,
        "client_secret": None,
    }
    shown = run_for_json(node, "clients", "show", "--json", "--", client_id)
    assert (shown.pop("secrets"), shown.pop("client_id"), shown.pop("created_at")) == ([], client_id, created_at)
    made.pop("client_secret")
    assert shown == made


def test_each_grant_brings_its_response_type(node: Provider) -> None:
    grants = ("authorization_code", "implicit", "refresh_token")
    chosen = [part for grant in grants for part in ("--grant-type", grant)]
    made = run_for_json(node, *CODE_CLIENT, *chosen, "--auth-method", "none", "--json")
    both = ["code", "code id_token", "code id_token token", "code token", "id_token", "id_token token", "token"]
    assert sorted(made["response_types"]) == both
    machine = run_for_json(node, "clients", "create", "Robot", "--grant-type", "client_credentials", "--json")
    assert (machine["response_types"], machine["redirect_uris"]) == ([], [])


@pytest.mark.parametrize(
    ("kind", "grant_types", "method"),
    [
        ("web", ["authorization_code", "refresh_token"], "client_secret_basic"),
        ("spa", ["authorization_code"], "none"),
        ("native", ["authorization_code", "refresh_token"], "none"),
        ("machine", ["client_credentials"], "client_secret_basic"),
        ("device", [DEVICE_CODE, "refresh_token"], "none"),
    ],
)
def test_a_kind_of_client_has_its_usual_grants_and_authentication(
    node: Provider, kind: str, grant_types: list[str], method: str
) -> None:
    options = [] if kind in ("machine", "device") else ["--redirect-uri", REDIRECT_URI]
    made = run_for_json(node, "clients", "create", "Printer", "--type", kind, *options, "--json")
    assert (made["grant_types"], made["token_endpoint_auth_method"]) == (grant_types, method)


def test_options_win_over_the_kind(node: Provider) -> None:
    options = ("--type", "device", "--auth-method", "client_secret_post", "--grant-type", DEVICE_CODE)
    made = run_for_json(node, "clients", "create", "Printer", *options, "--json")
    assert (made["grant_types"], made["token_endpoint_auth_method"]) == ([DEVICE_CODE], "client_secret_post")


def test_the_secret_is_printed_once_and_works(node: Provider) -> None:
    printed = run(node, "clients", "create", "Robot", "--grant-type", "client_credentials").stdout
    facts = dict(line.split() for line in printed.splitlines()[1:3])
    row = row_of(node, facts["client_id"])
    client = MachineClient(facts["client_id"], facts["client_secret"], row, "client_secret_basic")
    assert node.ask_token(client).status == 200
    for options in ((), ("--json",)):
        assert facts["client_secret"] not in run(node, "clients", "show", *options, "--", client.client_id).stdout
    assert facts["client_secret"] not in node.read_everything()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), "--redirect-uri: Enter at least one callback URL"),
        (("--redirect-uri", "javascript:alert(1)"), "--redirect-uri: The scheme javascript:"),
        (("--redirect-uri", REDIRECT_URI, "--grant-type", "magic"), "--grant-type: This server does not offer: magic"),
        (("--redirect-uri", REDIRECT_URI, "--scope", "profile nonsense"), "--scope: Unknown: nonsense"),
        (("--redirect-uri", REDIRECT_URI, "--auth-method", "magic"), "--auth-method: Choose one of: client_secret"),
        (("--redirect-uri", REDIRECT_URI, "--uri", "client.example"), "--uri: Enter a URL"),
        (("--redirect-uri", REDIRECT_URI, "--policy-uri", "javascript:alert(1)"), "--policy-uri: Enter a URL"),
        (("--redirect-uri", REDIRECT_URI, "--tos-uri", "data:text/html,x"), "--tos-uri: Enter a URL"),
        (
            ("--redirect-uri", REDIRECT_URI, "--auth-method", "none", "--may-introspect"),
            "--may-introspect: A client without a secret",
        ),
        (("--auth-method", "none", "--grant-type", "client_credentials"), "--grant-type: client_credentials needs"),
    ],
)
def test_what_the_page_would_refuse_the_command_refuses_and_names_the_option(
    node: Provider, options: tuple[str, ...], named: str
) -> None:
    before = run_for_json(node, "clients", "list", "--json")
    refused = run(node, "clients", "create", "Printer", *options, exit_code=1)
    assert named in refused.output
    assert run_for_json(node, "clients", "list", "--json") == before


def test_everything_that_is_wrong_is_named_at_once(node: Provider) -> None:
    refused = run(node, "clients", "create", " ", "--scope", "nonsense", "--auth-method", "magic", exit_code=1)
    assert refused.output.startswith("Error: 4 problems:\n")
    for named in ("NAME: ", "--scope: ", "--auth-method: ", "--redirect-uri: "):
        assert f"\n  {named}" in refused.output


def test_what_is_switched_off_is_neither_usual_nor_taken(create_application: Callable[..., Flask]) -> None:
    switched_off = {"rfc6749_refresh_token": False, "rfc9068_jwt_access_token": False}
    node = Provider(create_application(OAUTH2_SPECS=switched_off))
    assert run_for_json(node, *CODE_CLIENT, "--json")["grant_types"] == ["authorization_code"]
    assert "--access-token-format: " in run(node, *CODE_CLIENT, "--jwt-access-tokens", exit_code=1).output


def test_a_new_secret_lets_the_former_one_work_on_unless_it_ends_at_once(node: Provider) -> None:
    client = create(node, "clients", "create", "Robot", "--grant-type", "client_credentials")

    def rotate(*options: str) -> MachineClient:
        printed = run(node, "clients", "rotate-secret", *options, "--", client.client_id).stdout
        secret = printed.splitlines()[2].split()[1]
        return MachineClient(client.client_id, secret, client.row, client.method)

    second = rotate()
    assert [node.ask_token(each).status for each in (client, second)] == [200, 200]
    third = rotate("--at-once")
    assert [node.ask_token(each).status for each in (client, second, third)] == [401, 401, 200]
    assert len(run_for_json(node, "clients", "show", "--json", "--", client.client_id)["secrets"]) == 1
    assert latest_event(node, "client_secret_rotated").client == client.row


def test_a_public_client_has_no_secret_to_renew(node: Provider) -> None:
    client = create(node, *CODE_CLIENT, "--auth-method", "none")
    refused = run(node, "clients", "rotate-secret", "--", client.client_id, exit_code=1)
    assert "Photo Printer is a public client" in refused.output
    assert run_for_json(node, "clients", "show", "--json", "--", client.client_id)["secrets"] == []


@pytest.mark.parametrize("command", ["show", "rotate-secret", "allow-introspection", "forbid-introspection"])
def test_a_client_that_is_not_there_is_named(node: Provider, command: str) -> None:
    refused = run(node, "clients", command, "nobody", exit_code=1)
    assert refused.output == "Error: There is no client with the client_id 'nobody'.\n"


def test_making_a_client_is_an_event_of_whoever_ran_the_command(node: Provider) -> None:
    client = create(node, *CODE_CLIENT)
    written = latest_event(node, "client_created")
    assert (written.actor, written.client) == (f"command:{getpass.getuser()}", client.row)
    assert client.secret not in json.dumps(written.detail)


def test_a_client_is_shown_in_words(node: Provider) -> None:
    client = create(node, *CODE_CLIENT, "--uri", "https://client.example")
    lines = run(node, "clients", "show", "--", client.client_id).stdout.splitlines()
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert shown["client_id"] == client.client_id
    assert shown["grant_types"] == "authorization_code refresh_token"
    assert shown["secrets"].endswith(", never expires")


def test_the_operator_decides_which_client_may_look_at_tokens(node: Provider) -> None:
    client = create(node, *CODE_CLIENT, "--grant-type", "client_credentials")
    token = node.get_token(client)["access_token"]
    api = create(node, "clients", "create", "API", "--grant-type", "client_credentials", "--may-introspect")
    assert node.is_active(api, token)
    assert latest_event(node, "client_created").detail["may_introspect"] is True
    for command, may in (("forbid-introspection", False), ("allow-introspection", True)):
        assert run(node, "clients", command, "--", api.client_id).stdout.startswith("Client API may introspect ")
        assert node.is_active(api, token) is may
        assert run_for_json(node, "clients", "show", "--json", "--", api.client_id)["may_introspect"] is may
        written = latest_event(node, "client_changed")
        assert (written.actor, written.client) == (f"command:{getpass.getuser()}", api.row)
        assert written.detail["may_introspect"] is may


def test_a_public_client_is_never_let_look_at_tokens(node: Provider) -> None:
    client = create(node, *CODE_CLIENT, "--auth-method", "none")
    refused = run(node, "clients", "allow-introspection", "--", client.client_id, exit_code=1)
    assert refused.output == "Error: Photo Printer is a public client: it can't authenticate.\n"
    assert not node.server.clients.find_any(client.client_id).may_introspect


def test_a_file_brings_the_fields_that_have_no_option(node: Provider, tmp_path: Path) -> None:
    fields = {"subject_type": "pairwise", "backchannel_logout_uri": "https://client.example/out"}
    file = tmp_path / "fields.json"
    file.write_text(json.dumps(fields))
    client = create(node, *CODE_CLIENT, "--metadata", str(file))
    stored = node.server.clients.find_any(client.client_id).metadata
    assert {name: stored[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "--metadata: This is not a JSON object."),
        ('{"redirect_uris": ["https://evil.example"]}', "can't set"),
        ('{"colour": "blue"}', "can't set"),
        ('{"subject_type": "secret"}', "subject_type: Choose one of"),
    ],
    ids=range(4),
)
def test_a_file_that_does_not_do_makes_no_client(node: Provider, tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "fields.json"
    file.write_text(text)
    result = node.application.test_cli_runner().invoke(args=[*CODE_CLIENT, "--metadata", str(file)])
    assert result.exit_code == 1
    assert problem in result.output
