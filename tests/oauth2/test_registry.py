"""The registry: every extension by a verb, nothing replaced without a word, the order from what is required."""

from __future__ import annotations

import ast
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine

from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, sign
from tests.support.token_requests import Provider
from website.configuration import read_settings
from website.database import Database
from website.oauth2 import AuthorizationServer, Registry, SettingsError, json_response
from website.oauth2 import __all__ as FACADE
from website.oauth2.specs import SPECS, register_specs

REPOSITORY = Path(__file__).parents[2]
WELL_KNOWN = "/.well-known/oauth-authorization-server"
Create = Callable[..., Flask]
AddModule = Callable[..., str]


@pytest.fixture
def add_module() -> Iterator[AddModule]:
    """Make modules of one's own from functions ``register``; return the name of each."""
    names: list[str] = []

    def add(name: str, register: Callable[[Any, Any], object], *requires: str) -> str:
        module = ModuleType(f"own.{name}")
        module.register, module.REQUIRES = register, requires  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
        names.append(module.__name__)
        return module.__name__

    yield add
    for name in names:
        sys.modules.pop(name)


def server_with(*modules: ModuleType, **given: object) -> AuthorizationServer:
    """Build a server without a database."""
    engine = create_engine("sqlite://")
    server = AuthorizationServer(read_settings({"OAUTH2_KEY_ENCRYPTION_KEY": "A" * 43, **given}, {}), Database(engine))
    register_specs(server, modules or SPECS)
    engine.dispose()
    return server


def name_of(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


def contents_of(server: AuthorizationServer) -> dict[str, object]:
    """Return all that is registered, order included, and what discovery says."""
    found: dict[str, object] = {"described": list(server.metadata.describe("https://id.example").items())}
    for name, value in vars(server.registry).items():
        if isinstance(value, dict):
            found[name] = [
                (key, name_of(thing) if callable(thing) else repr(thing)[:40]) for key, thing in value.items()
            ]
        elif isinstance(value, list):
            found[name] = [thing if isinstance(thing, str) else name_of(thing) for thing in value]
        elif isinstance(value, set):
            found[name] = value
        elif not name.startswith("_"):
            found[name] = name_of(value)
    return found


def test_the_order_in_which_specifications_are_listed_changes_nothing() -> None:
    usual = contents_of(server_with())
    for seed in range(5):
        shuffled = list(SPECS)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, no secret
        assert shuffled != list(SPECS)
        assert contents_of(server_with(*shuffled)) == usual


def test_each_specification_says_what_it_requires() -> None:
    names = [module.__name__.rpartition(".")[2] for module in SPECS]
    for module in SPECS:
        assert set(module.REQUIRES) <= set(names), module.__name__


def test_a_specification_whose_requirement_is_off_is_not_registered(create_application: Create) -> None:
    node = Provider(create_application(OAUTH2_SPECS={"oidc_core_id_token": False}))
    registered = node.server.registry.specifications
    for name in ("oidc_core_id_token", "oidc_core_hybrid", "oidc_discovery", "oidc_back_channel_logout"):
        assert name not in registered
    assert "oidc_core_userinfo" in registered


def test_a_module_of_ones_own_is_registered_after_what_it_requires(
    create_application: Create, add_module: AddModule
) -> None:
    order: list[str] = []
    first = add_module("z", lambda server, settings: order.append("z"), "oidc_discovery_webfinger")
    second = add_module("a", lambda server, settings: order.append("a"), first)
    off = add_module("m", lambda server, settings: order.append("m"), "rfc6749_implicit")
    specs = {second: True, first: True, off: True, "rfc6749_implicit": False}
    node = Provider(create_application(OAUTH2_SPECS=specs))
    assert order == ["z", "a"]
    assert node.server.registry.specifications[-2:] == [first, second]


def test_specifications_that_require_each_other_stop_the_start(
    create_application: Create, add_module: AddModule
) -> None:
    first = add_module("first", lambda server, settings: None, "own.second")
    second = add_module("second", lambda server, settings: None, "own.first")
    with pytest.raises(SettingsError, match=r"require each other: own\.first, own\.second"):
        create_application(OAUTH2_SPECS={first: True, second: True})


@pytest.mark.parametrize("package", ["website.oauth2.specs", "website.oauth2", "grantwright.oauth2.specs"])
def test_a_built_in_specification_goes_by_its_short_name_alone(create_application: Create, package: str) -> None:
    with pytest.raises(SettingsError, match="is built in: write rfc7636_pkce"):
        create_application(OAUTH2_SPECS={f"{package}.rfc7636_pkce": True})


def no_answer(*_arguments: object) -> Any:
    return json_response(200, {})


#: For each kind that there can be one of under a name: what registers another, and which specification is there.
REPLACEMENTS: dict[str, tuple[str, Callable[[Registry], object]]] = {
    "address": ("rfc6749_token_endpoint", lambda it: it.add_address("/oauth/token", "own", {"POST": no_answer})),
    "address in the place of a folder": (
        "rfc7592_client_management",
        lambda it: it.add_address("/oauth/register/<another>", "own", {"GET": no_answer}),
    ),
    "response type, its values in another order": (
        "oidc_core_hybrid",
        lambda it: it.add_response_type("id_token code", it.response_types["code id_token"]),
    ),
    "address of a page": ("oidc_rp_initiated_logout", lambda it: it.add_page("/oauth/logout", "own")),
    "key of metadata": (
        "rfc7009_token_revocation",
        lambda it: it.add_address("/own", "own", {"POST": no_answer}, metadata="revocation_endpoint"),
    ),
    "metadata": ("oidc_core_claims_parameter", lambda it: it.add_metadata(claims_parameter_supported=False)),
    "client field": ("oidc_core_pairwise_subject", lambda it: it.add_client_field("subject_type", no_answer)),
    "client field of every server": ("the server itself", lambda it: it.add_client_field("logo_uri", no_answer)),
    "client authentication": (
        "rfc7523_client_authentication",
        lambda it: it.add_client_authentication(it.client_authentication[0]),
    ),
    "response mode": ("oidc_form_post_response_mode", lambda it: it.add_response_mode("form_post", no_answer)),
    "response mode of every server": ("the server itself", lambda it: it.add_response_mode("query", no_answer)),
    "subject type": ("oidc_core_pairwise_subject", lambda it: it.add_subject_type("pairwise", no_answer)),
    "token format": ("rfc9068_jwt_access_token", lambda it: it.add_token_format("jwt", it.token_formats["sealed"])),
    "token validator": (
        "rfc6750_bearer_token",
        lambda it: it.add_token_validator("bearer", it.token_validators["bearer"]),
    ),
    "ID token writer": ("oidc_core_id_token", lambda it: it.add_id_token_writer(no_answer)),  # type: ignore[arg-type]
    "login address": ("oidc_core_third_party_login", lambda it: it.add_login_address(no_answer)),
    "logout notices": (
        "oidc_back_channel_logout",
        lambda it: it.add_logout_notices(it.logout_notices),  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_what_is_registered_is_not_replaced_and_the_error_names_both(
    create_application: Create, add_module: AddModule, kind: str
) -> None:
    owner, replace = REPLACEMENTS[kind]
    name = add_module("thief", lambda server, settings: replace(server.registry))
    with pytest.raises(SettingsError, match=rf"own\.thief registers .*, but {owner} already does"):
        create_application(OAUTH2_SPECS={name: True})


def test_scopes_that_are_known_keep_their_words(create_application: Create, add_module: AddModule) -> None:
    name = add_module(
        "words", lambda server, settings: server.registry.add_scopes({"openid": "Own you", "paint": "Paint"})
    )
    scopes = Provider(create_application(OAUTH2_SPECS={name: True})).server.registry.scopes
    assert (scopes["openid"], scopes["paint"]) == ("Log you in", "Paint")


def test_writers_and_response_modes_can_be_wrapped(create_application: Create, add_module: AddModule) -> None:
    def register(server: AuthorizationServer, settings: Any) -> None:
        server.registry.wrap_id_token_writer(lambda writer: wrapped.append(writer) or writer)  # type: ignore[func-returns-value]
        server.registry.wrap_response_mode("query", lambda write: wrapped.append(write) or write)  # type: ignore[func-returns-value]
        server.registry.wrap_token_validator("bearer", lambda judge: wrapped.append(judge) or judge)  # type: ignore[func-returns-value]

    wrapped: list[object] = []
    create_application(OAUTH2_SPECS={add_module("wrapper", register): True})
    assert len(wrapped) == 3


def test_what_is_not_there_cannot_be_wrapped(create_application: Create, add_module: AddModule) -> None:
    name = add_module("wrapper", lambda server, settings: server.registry.wrap_token_validator("bearer", no_answer))
    with pytest.raises(
        SettingsError, match=r"own\.wrapper wraps the token validator bearer; list the specification that adds it"
    ):
        create_application(OAUTH2_SPECS={name: True, "rfc6750_bearer_token": False})


def test_clients_authenticate_at_an_address_of_ones_own_by_every_method(
    create_application: Create, add_module: AddModule
) -> None:
    def register(server: AuthorizationServer, settings: Any) -> None:
        methods = ["client_secret_basic"]

        def show(request: Any) -> Any:
            client = server.authenticate_client(request, methods)
            return json_response(200, {"client_id": client.client_id, "method": request.auth_method})

        server.registry.add_address("/own", "own", {"POST": show}, metadata="own_endpoint", auth_methods=methods)

    node = Provider(create_application(OAUTH2_SPECS={add_module("address", register): True}))
    described = node.get(WELL_KNOWN).json
    assert described["own_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "client_secret_jwt", "private_key_jwt",
    ]  # fmt: skip
    assert "ES256" in described["own_endpoint_auth_signing_alg_values_supported"]
    key = key_for("ES256")
    client = node.create_client(token_endpoint_auth_method="private_key_jwt", jwks=jwks_of(key))
    assertion = sign(key, "ES256", assertion_claims(client.client_id, "http://127.0.0.1:5000/own"))
    answer = node.post("/own", {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE})
    assert (answer.status, answer.json["method"]) == (200, "private_key_jwt")


CHANGES = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update", "difference_update"}
SPEC_FILES = sorted((REPOSITORY / "website/oauth2/specs").glob("[dgor]*.py"))


def root_of(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_specifications_register_by_verbs_alone() -> None:
    found = []
    for path in SPEC_FILES:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or function.name != "register":
                continue
            for node in ast.walk(function):
                targets = node.targets if isinstance(node, ast.Assign) else []
                targets = [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else targets
                written = [
                    target for target in targets if not isinstance(target, ast.Name) and root_of(target) == "server"
                ]
                is_change = (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in CHANGES
                    and root_of(node.func) == "server"
                )
                found += [f"{path.name}:{node.lineno}"] if written or is_change else []  # type: ignore[attr-defined]
    assert len(SPEC_FILES) == len(SPECS)
    assert found == []


MAY_BE_IMPORTED = re.compile(
    r"(website|grantwright)(\.(app|embedding|models|oauth2|routes|resource_server(\.(asgi|fastapi|flask|mcp))?))?\Z"
)


def test_documentation_and_examples_import_public_names_alone() -> None:
    files = [*REPOSITORY.glob("docs/how-to/code/**/*.py"), *REPOSITORY.glob("examples/**/*.py")]
    files.append(REPOSITORY / "tests/oauth2/own_specification.py")
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(("website", "grantwright")):
                assert MAY_BE_IMPORTED.match(str(node.module)), f"{path}:{node.lineno}"
                names = [alias.name for alias in node.names] if str(node.module).endswith(".oauth2") else []
                assert set(names) <= set(FACADE), f"{path}:{node.lineno}"


def test_contributing_names_every_kind_of_extension() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    table = text[text.index("| To add | Call |") :].partition("\n\n")[0]
    verbs = {name for name in vars(Registry) if re.match(r"(add|wrap)_", name)}
    assert {"add_address", "wrap_token_validator"} <= verbs
    assert set(re.findall(r"`server\.registry\.(\w+)\(", table)) == verbs
