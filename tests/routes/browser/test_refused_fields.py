"""A NUL character in a query or form, which PostgreSQL takes in no statement, is refused by every page and endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from werkzeug.routing import Rule

from tests.support.residents import Resident, add_client, add_user, logged_in, open_nodes
from tests.support.token_requests import MachineClient, Provider, basic

#: The parameters that pages read from their queries; another one stands for those to come.
READ = ("find", "after", "before", "person", "client", "event", "username", "token", "next", "user_code", "another")
NOT_READ = "The server could not read what was sent."
#: Their parameters are the protocol's, which has errors of its own.
PROTOCOL = ("authorize.", "end_session.")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as (node,):
        add_user(node, "olga", is_operator=True)
        node.server.access.groups.create("staff")
        yield node


@pytest.fixture(scope="module")
def operator(node: Provider) -> Resident:
    return logged_in(node, "olga")


@pytest.fixture(scope="module")
def client(node: Provider) -> MachineClient:
    return add_client(node, is_first_party=True)


def addresses(node: Provider, client: MachineClient, method: str, *, of_protocol: bool) -> Iterator[str]:
    """Return the addresses of all views that take a method: those of a person, a group and a client that exist."""
    person = node.server.users.find_row("olga")
    known = {"user_id": person.id, "name": "staff", "row_id": client.row, "client_id": client.client_id}
    builder = node.application.url_map.bind("id.example")
    for rule in node.application.url_map.iter_rules():
        if method in (rule.methods or ()) and is_of_protocol(rule) == of_protocol and rule.endpoint != "static":
            chosen = {name: known.get(name) or choice_of(rule, name) for name in rule.arguments}
            yield builder.build(rule.endpoint, chosen, method=None if rule.build_only else method)


def is_of_protocol(rule: Rule) -> bool:
    return rule.build_only or rule.endpoint.startswith(PROTOCOL)


def choice_of(rule: Rule, argument: str) -> str:
    choices: frozenset[str] = getattr(rule._converters[argument], "items", frozenset(("1",)))
    return min(choices)


def test_every_page_refuses_it_in_its_query(node: Provider, operator: Resident, client: MachineClient) -> None:
    pages = {*addresses(node, client, "GET", of_protocol=False)}
    assert {"/people", "/groups/staff", "/events", f"/clients/{client.row}/access"} <= pages
    for page in pages:
        for query in (*(f"{name}=%00" for name in READ), "%00=x", "find=staff&find=a%00b"):
            answer = operator.get(f"{page}?{query}")
            assert (answer.status, NOT_READ in answer.text) == (400, True), f"{page}?{query}"


def test_every_form_refuses_it_in_its_fields(node: Provider, operator: Resident, client: MachineClient) -> None:
    forms = {*addresses(node, client, "POST", of_protocol=False)}
    assert {"/groups/staff/members/add", "/account/email", f"/clients/{client.row}/claims"} <= forms
    own = operator.get("/account/profile").hidden_fields()
    for form in forms:
        for name, value in (("usernames", "\0"), ("group", "a\0b"), ("\0", "x")):
            answer = operator.post(form, {**own, name: value})
            assert (answer.status, NOT_READ in answer.text) == (400, True), f"{form} {name}"


def test_what_only_looks_like_one_is_read(operator: Resident) -> None:
    assert operator.get("/people?find=%2500").status == 200
    assert operator.get("/people?find=%250%01").status == 200


def test_protocol_endpoints_answer_it_as_the_protocol_does(node: Provider, client: MachineClient) -> None:
    """Their own check of parameters is in front of every statement, and costs nothing more for what is printable."""
    paths = {method: {*addresses(node, client, method, of_protocol=True)} for method in ("GET", "POST")}
    assert {"/oauth/token", "/oauth/introspect", "/oauth/register"} <= paths["POST"]
    document = json.dumps({"client_name": "a\0b", "redirect_uris": ["\0"]})
    nul_within = {"Authorization": basic("a\0b", "\0")}
    for path in paths["GET"]:
        for query in ("client_id=%00", f"client_id={client.client_id}&login_hint=%00&scope=openid", "%00=x"):
            assert node.get(f"{path}?{query}").status < 500, path
    for path in paths["POST"]:
        for fields in ({"token": "a\0b"}, {"client_id": "\0"}, {"\0": "x"}, {"username": "\0", "password": "x"}):
            for grant_type in ("password", "authorization_code", "refresh_token"):
                answer = node.post(path, {"grant_type": grant_type, **fields}, client)
                assert answer.status < 500, f"{path} {fields}"
        assert node.post(path, {"token": "x"}, **nul_within).status < 500, path
        assert node.open("POST", path, data=document, content_type="application/json").status < 500, path
        assert node.open("POST", f"{path}?{quote(chr(0))}=x").status < 500, path
