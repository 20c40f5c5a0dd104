"""WebFinger (RFC 7033): which provider is asked about an account, answered alike for every name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from tests.support.embedding_host import PREFIX, Host
from tests.support.token_requests import PRODUCTION, Answer, Provider, open_provider

WEBFINGER = "/.well-known/webfinger"
ISSUER_RELATION = "http://openid.net/specs/connect/1.0/issuer"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION) as opened:
        opened.server.users.create("ada")
        yield opened


def ask(provider: Provider, resource: str, more: str = "") -> Answer:
    return provider.get(f"{WEBFINGER}?resource={quote(resource, safe='')}{more}")


@pytest.mark.parametrize(
    "resource",
    ["acct:ada@id.example", "acct:nobody@id.example", "acct:ada@other.example", "acct:ada%2Bx@id.example",
     "ACCT:ada@id.example", "https://id.example/ada", "https://id.example", "https://id.example/?a=b#c",
     "http://id.example:8080/", "mailto:ada@id.example"],
)  # fmt: skip
def test_every_name_is_answered_alike_with_the_issuer(provider: Provider, resource: str) -> None:
    answer = ask(provider, resource)
    assert answer.status == 200
    assert answer.json == {"subject": resource, "links": [{"rel": ISSUER_RELATION, "href": "https://id.example"}]}
    assert answer.headers["Content-Type"] == "application/jrd+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_plus_in_a_name_is_a_plus(provider: Provider) -> None:
    assert provider.get(f"{WEBFINGER}?resource=acct:ada+mail@id.example").json["subject"] == "acct:ada+mail@id.example"


@pytest.mark.parametrize(
    ("rel", "links"),
    [
        (f"&rel={quote(ISSUER_RELATION)}", 1),
        ("&rel=http://webfinger.net/rel/avatar", 0),
        (f"&rel=me&rel={quote(ISSUER_RELATION)}", 1),
        ("&rel=", 0),
        ("&other=x", 1),
    ],
)
def test_links_of_other_relations_are_left_out(provider: Provider, rel: str, links: int) -> None:
    answer = ask(provider, "acct:ada@id.example", rel)
    assert (answer.status, len(answer.json["links"])) == (200, links)


@pytest.mark.parametrize(
    "query",
    ["", "?", "?resource=", "?resource=ada", "?resource=ada@id.example", "?resource=acct:", "?rel=x",
     "?resource=acct:a@b&resource=acct:a@b", "?resource=%00acct:a@b", "?resource=acct:a@b%0A", "?resource=%FF%FE",
     "?resource=acct:" + "a" * 9000 + "@b"],
)  # fmt: skip
def test_a_query_that_asks_about_nothing_is_refused(provider: Provider, query: str) -> None:
    answer = provider.get(WEBFINGER + query)
    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("resource", ["device:p1.example.com", "urn:isbn:1", "acct:ada", "tel:+49", "acct:a@b@c"])
def test_other_resources_are_not_known(provider: Provider, resource: str) -> None:
    answer = ask(provider, resource)
    assert (answer.status, answer.error) == (404, "not_found")


def test_it_is_read_and_nothing_else(provider: Provider) -> None:
    assert provider.post(WEBFINGER, {"resource": "acct:ada@id.example"}).status == 405
    assert provider.open("HEAD", f"{WEBFINGER}?resource=acct:ada@id.example").status == 200


def test_it_can_be_switched_off(create_application: Callable[..., Flask]) -> None:
    for name in ("oidc_discovery_webfinger", "oidc_core_id_token"):
        node = Provider(create_application(OAUTH2_SPECS={name: False}))
        assert node.get(f"{WEBFINGER}?resource=acct:a@b").status == 404


@pytest.mark.parametrize("has_own", [False, True])
def test_embedded_it_is_at_the_root_unless_the_host_has_its_own(tmp_path: Path, sqlite_uri: str, has_own: bool) -> None:
    host = Host(sqlite_uri, tmp_path, AUTHLIB_INSECURE_TRANSPORT=True)
    host.set_up()
    if has_own:
        host.app.add_url_rule(WEBFINGER, view_func=lambda: "the host's", endpoint="webfinger")
    door = host.app.test_client()
    answer = door.get(f"{WEBFINGER}?resource=acct:ada@host.example")
    below = door.get(f"{PREFIX}{WEBFINGER}?resource=acct:ada@host.example")
    assert below.get_json(force=True)["links"][0]["href"] == f"http://localhost{PREFIX}"
    assert (answer.text == "the host's") == has_own
    assert has_own or answer.get_json(force=True) == below.get_json(force=True)
    host.close()
