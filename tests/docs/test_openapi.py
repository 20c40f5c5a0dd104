"""docs/reference/openapi.yaml describes the server that runs: nothing more, nothing less, and Schemathesis agrees."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import Client, TestResponse

from tests.support import canary
from tests.support.device_flow import DEVICE_CODE, allow, start_device
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import TOKEN, MachineClient, Provider, open_provider
from website.errors.catalogue import CATALOGUE
from website.wsgi.health import HEALTH, READINESS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PROTOCOL = REPOSITORY / "website" / "oauth2"
FILE = REPOSITORY / "docs" / "reference" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
SCHEMA = schemathesis.openapi.from_path(FILE)
OPERATIONS = {result.ok().definition.raw["operationId"]: result.ok() for result in SCHEMA.get_all_operations()}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BASE_URL = "http://127.0.0.1:5000"
USERINFO = "/oauth/userinfo"
#: How many requests Schemathesis makes up of each operation.
EXAMPLES = [20, pytest.param(200, marks=pytest.mark.soak)]
#: The operations that read parameters.
TAKES_PARAMETERS = (
    "issueToken",
    "authorizeDevice",
    "introspectToken",
    "revokeToken",
    "authorize",
    "endSession",
    "endSessionByForm",
    "showUserInfoByPost",
)
GRANT_TYPES = ("authorization_code", "client_credentials", "password", "refresh_token", DEVICE_CODE)
#: Addresses of the people's door that programs call.
PEOPLES = {("/oauth/authorize", "get"), ("/oauth/logout", "get"), ("/oauth/logout", "post"), ("/api/me", "get")}
#: Parameters of the standards that the protocol has no use for (RFC 7009, section 2.1); pages read ui_locales.
UNREAD = {"token_type_hint", "display", "ui_locales", "claims_locales", "logout_hint"}
#: Claims of the ID token alone.
ID_TOKEN_CLAIMS = ("iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("openapi")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite") as opened:
        yield opened


def all_enums_of_errors(node: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield, for each answer that has a schema of its own for errors, its status and the codes it may have."""
    for operation in (operation for path in DOCUMENT["paths"].values() for operation in path.values()):
        for status, answer in operation["responses"].items():
            answer = resolve(answer)
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            for part in schema.get("allOf", ()):
                if "properties" in part:
                    yield status, part["properties"]["error"]["enum"]


def resolve(node: Any) -> Any:
    """Follow a reference into the document."""
    while "$ref" in node:
        place: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        node = place
    return node


# The file against the code


def test_the_file_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    try:
        SCHEMA.validate()
    except InvalidSchema as error:
        pytest.fail(str(error))


def test_the_file_has_every_address_and_method_of_the_server_and_no_other(provider: Provider) -> None:
    described = {(path, method) for path, operations in DOCUMENT["paths"].items() for method in operations}
    served = {
        (address.path.replace("<", "{").replace(">", "}"), method.lower())
        for address in provider.server.registry.addresses.values()
        for method in address.handlers
    }
    rules = {
        (rule.rule, method.lower())
        for rule in provider.application.url_map.iter_rules()
        for method in rule.methods or ()
    }

    assert rules >= PEOPLES
    assert described == served | PEOPLES | {(HEALTH, "get"), (READINESS, "get")}


def test_the_file_has_every_key_of_the_metadata_and_no_other(provider: Provider) -> None:
    assert set(SCHEMAS["ServerMetadata"]["properties"]) == set(
        provider.server.metadata.describe("https://issuer.example")
    )


def test_the_file_has_the_values_that_the_server_offers(provider: Provider) -> None:
    metadata = provider.server.metadata.describe("https://issuer.example")
    described = SCHEMAS["ServerMetadata"]["properties"]

    assert set(described["grant_types_supported"]["items"]["enum"]) == set(metadata["grant_types_supported"])
    assert set(described["response_modes_supported"]["items"]["enum"]) == set(metadata["response_modes_supported"])
    told = set(metadata["claims_supported"]) - {*ID_TOKEN_CLAIMS} | {"sub"}
    assert set(SCHEMAS["UserInfo"]["properties"]) == told
    assert set(SCHEMAS["ResponseType"]["enum"]) == set(metadata["response_types_supported"])
    assert set(SCHEMAS["AuthMethods"]["items"]["enum"]) == set(metadata["token_endpoint_auth_methods_supported"])
    assert SCHEMAS["CodeChallengeMethod"]["enum"] == metadata["code_challenge_methods_supported"]


def test_the_file_has_every_error_code_and_no_other() -> None:
    assert SCHEMAS["ErrorCode"]["enum"] == list(CATALOGUE)


def test_an_answer_has_only_errors_that_come_with_its_status() -> None:
    found = list(all_enums_of_errors(DOCUMENT))

    assert len(found) > 30
    for status, codes in found:
        assert [code for code in codes if int(status) not in CATALOGUE[code].statuses] == [], status


def test_the_file_has_the_version_of_the_distribution() -> None:
    assert f'version = "{DOCUMENT["info"]["version"]}"' in (REPOSITORY / "pyproject.toml").read_text()


# Parameters


def test_the_authorization_endpoint_takes_the_parameters_of_the_file(provider: Provider) -> None:
    parameters = DOCUMENT["paths"]["/oauth/authorize"]["get"]["parameters"]

    assert {parameter["name"] for parameter in parameters} == provider.server.registry.authorization_parameters


def test_the_token_endpoint_has_a_schema_for_every_grant(provider: Provider) -> None:
    offered = set(provider.server.registry.grant_types)
    mapping = SCHEMAS["TokenRequest"]["discriminator"]["mapping"]

    assert set(mapping) == offered
    assert [{"$ref": schema} for schema in mapping.values()] == SCHEMAS["TokenRequest"]["oneOf"]
    for grant_type, schema in mapping.items():
        assert resolve({"$ref": schema})["properties"]["grant_type"]["const"] == grant_type


def names_that_the_protocol_reads() -> set[str]:
    """Return every parameter's name that a file of website/oauth2/ reads from a request."""
    found: set[Any] = set()
    for node in (node for path in PROTOCOL.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("payload"):
            found.add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("payload.data.get", "payload.values_of", "fields.get")
        ):
            found.update(_literal(node.args[0]))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith(("payload.data", "fields")):
            found.update(_literal(node.slice))
    return found - {"data", "pairs", "values_of"}


def _literal(node: ast.expr) -> set[str]:
    """Return a name that is written out; a variable names nothing by itself."""
    return {str(node.value)} if isinstance(node, ast.Constant) else set()


def test_the_file_has_every_parameter_that_the_protocol_reads_and_no_other() -> None:
    forms = [
        SCHEMAS["TokenQuestion"],
        SCHEMAS["DeviceAuthorizationRequest"],
        SCHEMAS["UserInfoRequest"],
        *map(schema_of, GRANT_TYPES),
    ]
    described = {name for schema in forms for name in schema["properties"]}
    for path in ("/oauth/authorize", "/oauth/logout"):
        described |= {parameter["name"] for parameter in DOCUMENT["paths"][path]["get"]["parameters"]}
    assert described - UNREAD == names_that_the_protocol_reads()


def schema_of(grant_type: str) -> dict[str, Any]:
    return resolve({"$ref": SCHEMAS["TokenRequest"]["discriminator"]["mapping"][grant_type]})


def names_of(part: str) -> list[tuple[str, str]]:
    return [(grant_type, name) for grant_type in GRANT_TYPES for name in schema_of(grant_type)[part]]


#: In the demo, an API on this computer needs no registration.
API = "http://127.0.0.1:8000/mcp"


def complete_request(provider: Provider, grant_type: str) -> tuple[MachineClient, dict[str, str]]:
    """Return a client and a token request of it that succeeds, with every parameter that the file names."""
    client = provider.create_client(
        *GRANT_TYPES,
        redirect_uris=[REDIRECT_URI],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_post",
    )
    fields = {"grant_type": grant_type, "client_id": client.client_id, "client_secret": client.secret or ""}
    fields["resource"] = API
    if grant_type == "authorization_code":
        person, pkce = Person(provider.application.test_client()), Pkce()
        person.log_in()
        page = person.ask(client.client_id, scope="profile", resource=API, **pkce.parameters)
        fields |= {"code": code_of(person.decide(page)), "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
        return client, fields
    if grant_type == DEVICE_CODE:
        person, pkce = Person(provider.application.test_client()), Pkce()
        person.log_in()
        codes = start_device(provider, client, resource=API, **pkce.parameters)
        allow(person, codes["user_code"])
        return client, fields | {"device_code": codes["device_code"], "code_verifier": pkce.verifier}
    fields["scope"] = "profile"
    if grant_type == "password":
        fields |= {"username": provider.create_user(), "password": "valid"}
    if grant_type == "refresh_token":
        fields["refresh_token"] = provider.log_in(client, resource=API)["refresh_token"]
    return client, fields


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_a_grant_takes_every_parameter_of_its_schema(provider: Provider, grant_type: str) -> None:
    _client, fields = complete_request(provider, grant_type)

    # One way to authenticate a request: by a secret here, so nothing is signed.
    assert set(fields) == set(schema_of(grant_type)["properties"]) - {"client_assertion", "client_assertion_type"}
    assert provider.post(TOKEN, fields).status == 200


@pytest.mark.parametrize(
    ("grant_type", "name"),
    [(grant_type, name) for grant_type in GRANT_TYPES for name in schema_of(grant_type)["properties"]],
)
def test_a_parameter_of_a_grant_is_looked_at(provider: Provider, grant_type: str, name: str) -> None:
    _client, fields = complete_request(provider, grant_type)
    # In the demo any username is one.
    wrong = {"username": "\u202e"}.get(name, "not-what-it-should-be")

    assert provider.post(TOKEN, {**fields, name: wrong}).status in (400, 401)


@pytest.mark.parametrize(
    ("grant_type", "name"),
    [(grant_type, name) for grant_type in GRANT_TYPES for name in schema_of(grant_type)["required"]],
)
def test_a_required_parameter_of_a_grant_is_required(provider: Provider, grant_type: str, name: str) -> None:
    _client, fields = complete_request(provider, grant_type)
    del fields[name]

    assert provider.post(TOKEN, fields).error == "invalid_request"


# What the server answers, against the file


def check(operation: str, answer: TestResponse, status: int = 200) -> None:
    assert answer.status_code == status, answer.text
    OPERATIONS[operation].Case().validate_response(answer, checks=CHECKS)


@pytest.fixture
def door(provider: Provider) -> Client:
    return provider.application.test_client(use_cookies=False)


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_tokens_are_answered_as_the_file_says(provider: Provider, door: Client, grant_type: str) -> None:
    _client, fields = complete_request(provider, grant_type)

    check("issueToken", door.post(TOKEN, data=fields, base_url=BASE_URL))


def test_introspection_is_answered_as_the_file_says(provider: Provider, door: Client) -> None:
    client = provider.create_client(*GRANT_TYPES)
    tokens = provider.log_in(client)
    for token in (tokens["access_token"], tokens["refresh_token"], provider.get_token(client)["access_token"], "x"):
        asked = {"data": {"token": token}, "headers": {"Authorization": client.basic}, "base_url": BASE_URL}
        check("introspectToken", door.post("/oauth/introspect", **asked))
        check("revokeToken", door.post("/oauth/revoke", **asked))


@pytest.mark.parametrize("operation", ["showJwks", "showServerMetadata", "showHealth", "showReadiness"])
def test_what_is_public_is_answered_as_the_file_says(door: Client, operation: str) -> None:
    check(operation, door.get(OPERATIONS[operation].path, base_url=BASE_URL))


def test_a_draining_node_answers_as_the_file_says(application: Flask) -> None:
    application.test_cli_runner().invoke(args=["drain"])

    check("showReadiness", application.test_client().get(READINESS), 503)


def test_an_answer_that_the_file_does_not_describe_is_noticed(door: Client) -> None:
    with pytest.raises(FailureGroup, match="schema"):
        check("showHealth", door.get(OPERATIONS["showServerMetadata"].path))
    with pytest.raises(FailureGroup, match="status"):
        check("showHealth", door.get("/nowhere"), 404)
    with pytest.raises(FailureGroup, match="header"):
        check("showServerMetadata", door.get(HEALTH))


def test_the_api_answers_as_the_file_says(provider: Provider, door: Client) -> None:
    client = provider.create_client("password", "client_credentials")
    sent = {
        f"Bearer {provider.log_in(client)['access_token']}": 200,
        f"Bearer {provider.get_token(client)['access_token']}": 403,
        "Bearer nonsense": 401,
        "Bearer a b": 400,
        "": 401,
    }
    for header, status in sent.items():
        check("showMe", door.get("/api/me", headers={"Authorization": header}, base_url=BASE_URL), status)


def test_the_userinfo_endpoint_answers_as_the_file_says(provider: Provider, door: Client) -> None:
    client = provider.create_client("password", scope="openid profile email address phone")
    account = provider.server.users.find_or_create("dora")
    stored = {"name": "Dora", "email": "dora@example.org", "country": "Norway", "birthdate": "1990"}
    provider.server.users.set_claims(int(account.id), stored)
    right = provider.log_in(client, "dora")["access_token"]
    narrow = provider.log_in(client, "dora", scope="profile")["access_token"]
    for token, status in ((right, 200), (narrow, 403), ("nonsense", 401), ("a b", 400), ("", 401)):
        header = {"Authorization": f"Bearer {token}"} if token else {}
        check("showUserInfo", door.get(USERINFO, headers=header, base_url=BASE_URL), status)
        check("showUserInfoByPost", door.post(USERINFO, headers=header, base_url=BASE_URL), status)
        answer = door.post(USERINFO, data={"access_token": token}, base_url=BASE_URL)
        check("showUserInfoByPost", answer, status)


def test_the_authorization_endpoint_answers_as_the_file_says(provider: Provider) -> None:
    person = Person(provider.application.test_client())
    person.log_in()
    client = person.create_client()
    query = f"/oauth/authorize?response_type=code&client_id={client.client_id}&code_challenge_method=S256"
    html = {"Accept": "text/html"}
    for address, headers, status in (
        (f"{query}&code_challenge={'c' * 43}", html, 200),
        (query, html, 302),
        (f"{query}&redirect_uri=https://evil.example", html, 400),
        (f"{query}&redirect_uri=https://evil.example", {}, 400),
    ):
        check("authorize", person.door.get(address, headers=headers), status)  # type: ignore[union-attr]


#: A request object without a signature, and one whose signature is nobody's.
UNSIGNED, UNKNOWN = "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({}, "invalid_request"),
        ({"request": UNSIGNED}, "request_not_supported"),
        ({"request": UNKNOWN}, "invalid_request_object"),
        ({"request_uri": "urn:example:1"}, "request_uri_not_supported"),
        ({"request_uri": "https://client.example/object"}, "invalid_request_uri"),
    ],
)
def test_errors_that_no_client_is_told_are_answered_as_the_file_says(
    provider: Provider, door: Client, parameters: dict[str, str], error: str
) -> None:
    person = Person(provider.application.test_client())
    person.log_in()
    query = {"client_id": person.create_client().client_id, "redirect_uri": "https://evil.example", **parameters}
    answer = door.get("/oauth/authorize", query_string={"response_type": "code", **query}, base_url=BASE_URL)
    assert answer.json["error"] == error
    check("authorize", answer, 400)


# Schemathesis: what the file allows, sent by nobody, and by a client with its credentials and tokens


class Caller:
    """Somebody who sends what Schemathesis made up, with real values in the place of some of it."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        person = Person(provider.application.test_client())
        person.log_in("carol")
        self._browser = person.door
        registered = person.create_client(grant_type=list(GRANT_TYPES), scope="openid profile photos")
        stored = provider.server.clients.find(registered.client_id)
        self._client = MachineClient(registered.client_id, registered.secret, stored.id, "client_secret_basic")
        self._public = person.create_client(token_endpoint_auth_method="none", grant_type="authorization_code")
        self._own_token = provider.get_token(self._client)["access_token"]
        self._real: Mapping[str, Callable[[], str]] = {
            "client_id": lambda: self._public.client_id,
            "redirect_uri": lambda: REDIRECT_URI,
            "scope": lambda: "profile",
            "username": lambda: "carol",
            "password": lambda: "valid",
            "refresh_token": lambda: self._log_in()["refresh_token"],
            "token": lambda: self._log_in()["access_token"],
            "access_token": lambda: self._log_in()["access_token"],
            "code_challenge": lambda: "c" * 43,
        }

    def _log_in(self) -> dict[str, Any]:
        return self._provider.log_in(self._client, "carol", scope="openid profile")

    def send(self, case: Any, data: st.DataObject) -> TestResponse:
        is_api = case.path in ("/api/me", USERINFO)
        for held in (case.body, case.query):
            for name in sorted(set(held or ()) & set(self._real)) if isinstance(held, dict) else ():
                if data.draw(st.booleans(), label=f"real {name}"):
                    held[name] = self._real[name]()
        right = self._bearer() if is_api else self._client.basic
        wrong = self._client.basic if is_api else self._bearer()
        header = data.draw(
            st.sampled_from([right, right, right, wrong, f"Bearer {self._own_token}", ""]), label="header"
        )
        if header == self._client.basic and isinstance(case.body, dict):
            case.body.pop("client_id", None)
            case.body.pop("client_secret", None)
        headers = {"Authorization": header} if header else {}
        return call(self._provider, case, headers=headers, session=self._browser)

    def _bearer(self) -> str:
        return f"Bearer {self._log_in()['access_token']}"


def call(provider: Provider, case: Any, **more: Any) -> Any:
    answer = case.call(base_url=BASE_URL, app=provider.application, **more)
    case.validate_response(answer, checks=[not_a_server_error, *CHECKS])
    return answer


def run(operation: str, send: Callable[[Any, st.DataObject], Any], mode: GenerationMode, examples: int) -> set[int]:
    """Send what Schemathesis makes of an operation; return the statuses that came."""
    statuses = set()

    @given(case=OPERATIONS[operation].as_strategy(generation_mode=mode), data=st.data())
    @settings(max_examples=examples)
    def ask(case: Any, data: st.DataObject) -> None:
        for parameters in (case.body, case.query):
            for value in parameters.values() if isinstance(parameters, dict) else ():
                canary.exempt(str(value))
        statuses.add(send(case, data).status_code)

    ask()
    return statuses


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_schemathesis_finds_nothing_as_nobody(provider: Provider, operation: str, examples: int) -> None:
    assert run(operation, lambda case, _data: call(provider, case), GenerationMode.POSITIVE, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("operation", TAKES_PARAMETERS)
def test_schemathesis_finds_nothing_by_requests_that_the_file_forbids(
    provider: Provider, operation: str, examples: int
) -> None:
    assert run(operation, lambda case, _data: call(provider, case), GenerationMode.NEGATIVE, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("operation", [*TAKES_PARAMETERS, "showMe", "showUserInfo"])
def test_schemathesis_finds_nothing_as_a_client(provider: Provider, operation: str, examples: int) -> None:
    assert run(operation, Caller(provider).send, GenerationMode.POSITIVE, examples) != {401}
