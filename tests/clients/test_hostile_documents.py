"""Hostile metadata documents: they get nothing, reach nothing inside, and delay nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.support.internet import PUBLIC_ADDRESS, Internet, Page, open_internet
from tests.support.metadata_documents import (
    CALLBACK,
    DOCUMENT,
    URL,
    ask,
    expire,
    get_tokens,
    is_refused,
    person,
)
from tests.support.one_application import open_application
from tests.support.person import Person, Pkce
from tests.support.raw_servers import served
from tests.support.token_requests import PRODUCTION, Answer, Provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website import outbound, outbound_slots
from website.models.client import OAuth2Client

__all__ = ["person"]

Create = Callable[..., Flask]
SLOW = [f"slow{number}.example" for number in range(4)]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with open_internet(tmp_path_factory.mktemp("internet"), "app.example", "other.example", *SLOW) as internet:
        yield internet


@pytest.fixture
def internet(hosts: Internet) -> Internet:
    """The internet of the module, with nothing published."""
    hosts.pages.clear()
    hosts.requested.clear()
    hosts.addresses.clear()
    return hosts


@pytest.fixture(scope="module")
def shared(hosts: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Person]]:
    """An application for the tests that store no client there, and somebody who is logged in."""
    with open_application(tmp_path_factory.mktemp("shared"), OAUTH2_OUTBOUND_CA=str(hosts.certificate)) as application:
        person = Person(application.test_client())
        person.log_in()
        yield application, person


@pytest.fixture
def stranger(shared: tuple[Flask, Person]) -> Iterator[Person]:
    """Somebody in the shared application, where no document failed a moment ago, and none is accepted."""
    application, person = shared
    application.extensions["grantwright"].clients.documents._failures.forget(None)
    yield person
    assert count_clients(application) == 0


@pytest.fixture
def application(create_application: Create, internet: Internet) -> Flask:
    return create_application(OAUTH2_OUTBOUND_CA=str(internet.certificate), OAUTH2_CONCURRENT_REQUESTS=32)


def count_clients(application: Flask) -> int:
    with application.extensions["grantwright"].database.reading() as session:
        return session.scalar(select(func.count()).select_from(OAuth2Client)) or 0


DEEP = '{"client_id": "' + URL + '", "x": ' + "[" * 2000 + "]" * 2000 + "}"
TWICE = f'{{"client_id": "{URL}", "client_name": "A", "client_name": "B", "redirect_uris": ["{CALLBACK}"]}}'
SECRET_KEY = {"keys": [{"kty": "RSA", "n": "x", "e": "AQAB", "d": "x"}]}
INVALID = {
    "a redirect": Page("", 302, {"Location": "https://app.example/real.json"}),
    "another success": Page(DOCUMENT, 206),
    "no status of success": Page(DOCUMENT, 500),
    "HTML": Page(DOCUMENT, headers={"Content-Type": "text/html"}),
    "no content type": Page(DOCUMENT, headers={}),
    "more than 5 KiB": Page({**DOCUMENT, "x": "x" * 5200}),
    "a hundred megabytes": Page(b" " * 100_000_000),
    "compressed": Page(DOCUMENT, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}),
    "no JSON": Page("client_id"),
    "no object": Page([DOCUMENT]),
    "deep JSON": Page(DEEP),
    "a member twice": Page(TWICE),
    "a zero byte": Page({**DOCUMENT, "client_name": "a\0b"}),
    "another's client_id": Page({**DOCUMENT, "client_id": "https://other.example/client.json"}),
    "its client_id in capitals": Page({**DOCUMENT, "client_id": URL.upper()}),
    "its client_id with a port": Page({**DOCUMENT, "client_id": URL.replace("example/", "example:443/")}),
    "a list of client_ids": Page({**DOCUMENT, "client_id": [URL]}),
    "no client_id": Page({name: value for name, value in DOCUMENT.items() if name != "client_id"}),
    "no client_name": Page({**DOCUMENT, "client_name": ""}),
    "no redirect_uris": Page({**DOCUMENT, "redirect_uris": []}),
    "a redirect_uri of a script": Page({**DOCUMENT, "redirect_uris": [CALLBACK, "javascript:alert(1)"]}),
    "a redirect_uri in the clear": Page({**DOCUMENT, "redirect_uris": [CALLBACK, "http://app.example/callback"]}),
    "a secret": Page({**DOCUMENT, "client_secret": "secret"}),
    "the expiry of a secret": Page({**DOCUMENT, "client_secret_expires_at": 0}),
    "a method with a secret": Page({**DOCUMENT, "token_endpoint_auth_method": "client_secret_basic"}),
    "a method that signs by a secret": Page({**DOCUMENT, "token_endpoint_auth_method": "client_secret_jwt"}),
    "an unknown method with a secret": Page({**DOCUMENT, "token_endpoint_auth_method": "client_secret_new"}),
    "an unknown method": Page({**DOCUMENT, "token_endpoint_auth_method": "magic"}),
    "two methods": Page({**DOCUMENT, "token_endpoint_auth_method": ["none", "private_key_jwt"]}),
    "signatures by a secret": Page({**DOCUMENT, "id_token_signed_response_alg": "HS256"}),
    "a key by which anybody could sign": Page(
        {**DOCUMENT, "token_endpoint_auth_method": "private_key_jwt", "jwks": SECRET_KEY}
    ),
    "no keys": Page({**DOCUMENT, "token_endpoint_auth_method": "private_key_jwt"}),
    "no grant type of ours": Page({**DOCUMENT, "grant_types": ["implicit"], "response_types": ["token"]}),
}


@pytest.mark.parametrize("kind", INVALID)
def test_what_is_no_valid_document_gives_no_client(stranger: Person, internet: Internet, kind: str) -> None:
    internet.pages[URL] = INVALID[kind]
    internet.publish({**DOCUMENT, "client_id": "https://app.example/real.json"})
    assert is_refused(ask(stranger))
    assert internet.requested == [URL]


PRIVATE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "::1", "fd00::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_with_a_private_address_is_never_connected_to(
    stranger: Person, internet: Internet, address: str
) -> None:
    internet.publish(DOCUMENT)
    internet.addresses["app.example"] = lambda: address
    assert is_refused(ask(stranger))
    host = f"[{address}]" if ":" in address else address
    assert is_refused(ask(stranger, f"https://{host}/client.json"))
    assert internet.requested == []


def test_an_address_that_changes_between_lookups_leads_nowhere(
    application: Flask, person: Person, internet: Internet
) -> None:
    """The address that was judged is the one that is connected to: a second look at the name never happens."""
    internet.publish(DOCUMENT)
    connected: list[bytes] = []
    with served(lambda connection: connected.append(connection.recv(100))) as port:
        url = internet.publish({**DOCUMENT, "client_id": f"https://app.example:{port}/client.json"})
        answers = iter([PUBLIC_ADDRESS, *["127.0.0.1"] * 100])
        internet.addresses["app.example"] = lambda: next(answers)
        assert ask(person, url).status == 200
        for number in range(3):  # from now on, the name leads to this machine
            assert is_refused(ask(person, f"https://app.example:{port}/{number}"))
        expire(application)
        assert ask(person, url).status == 200, "the copy from the public address counts for a day"
    assert connected == []


def test_slow_documents_delay_neither_their_own_visitor_for_long_nor_others(
    application: Flask, person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 3.0)
    internet.publish(DOCUMENT)
    get_tokens(application, person)
    for host in SLOW:
        internet.publish({**DOCUMENT, "client_id": f"https://{host}/client.json"}, wait_seconds=30)
    answers: list[int] = []

    def visit(host: str) -> None:
        visitor = Person(application.test_client())
        answers.append(ask(visitor, f"https://{host}/client.json").status)

    visitors = [threading.Thread(target=visit, args=(host,)) for host in SLOW]
    for visitor in visitors:
        visitor.start()
    wait_until(lambda: len([url for url in internet.requested if "slow" in url]) >= 2)
    expire(application)
    assert ask(person).status in (302, 303)
    assert internet.requested.count(URL) == 2, "a host with a good copy has its own half of the threads"
    for visitor in visitors:
        visitor.join(ANSWER_SECONDS)
    assert answers == [503] * len(SLOW)
    assert len([url for url in internet.requested if "slow" in url]) < len(SLOW)


# What is never fetched


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example/a/../client.json",
        "https://app.example/./client.json",
        "https://app.example/%2e%2e/client.json",
        "https://app.example/client.json#fragment",
        "https://user@app.example/client.json",
        "https://user:secret@app.example/client.json",
        "https://app.example:0/client.json",
        "https://app.example:/client.json",
        "https://app.example:99999/client.json",
        "https://app.example/client json",
        "https:///client.json",
        "https://app.example\\client.json",
        "https://app.example/" + "x" * 500,
        "HTTPS://app.example/oauth/client.json",
        "http://app.example/oauth/client.json",
    ],
)
def test_a_url_that_cannot_be_a_client_id_is_never_fetched(stranger: Person, internet: Internet, url: str) -> None:
    assert is_refused(ask(stranger, url))
    assert internet.requested == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"response_type": "nonsense"},
        {"redirect_uri": None},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://evil.example/cb"},
        {"code_challenge": None},
    ],
)
def test_nothing_is_fetched_for_a_request_that_cannot_succeed(
    stranger: Person, internet: Internet, parameters: dict[str, str | None]
) -> None:
    assert is_refused(ask(stranger, **parameters))
    assert internet.requested == []


# One visitor with many URLs


def visit(provider: Provider, url: str, address: str) -> Answer:
    query = urlencode(
        {"response_type": "code", "client_id": url, "redirect_uri": CALLBACK, "scope": "profile", **Pkce().parameters}
    )
    return provider.open("GET", f"/oauth/authorize?{query}", environ_overrides={"REMOTE_ADDR": address})


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.soak)])
def test_one_visitor_with_many_urls_has_few_of_them_fetched_and_others_go_on(
    create_application: Create, internet: Internet, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")
    settings: dict[str, Any] = {**PRODUCTION, "OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    provider = Provider(create_application(**settings, OAUTH2_METADATA_DOCUMENT_HOSTS=["*"]))
    statuses = []
    for number in range(count):
        url = internet.publish({**DOCUMENT, "client_id": f"https://app.example/{number}"})
        statuses.append(visit(provider, url, "203.0.113.9").status)
        del internet.pages[url]
    assert set(statuses[:10]) == {302}  # to the login page
    assert set(statuses) == {302, 429}
    assert statuses.count(302) == len(internet.requested) < 20 + count // 100
    internet.publish(DOCUMENT)
    assert visit(provider, URL, "198.51.100.7").status == 302
    assert [visit(provider, URL, "198.51.100.7").status for _try in range(20)] == [302] * 20, (
        "a known one isn't counted"
    )


def test_hosts_of_clients_in_use_that_begin_to_hang_hold_the_threads_once_and_not_for_ever(
    create_application: Create, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")
    monkeypatch.setattr(outbound, "FAILURE_SECONDS", 0.01)
    monkeypatch.setattr("website.clients.document_fetching.FAILURE_SECONDS", 0.0)
    settings: dict[str, Any] = {**PRODUCTION, "OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    provider = Provider(create_application(**settings, OAUTH2_METADATA_DOCUMENT_HOSTS=["*"]))
    urls = [internet.publish({**DOCUMENT, "client_id": f"https://{host}/client.json"}) for host in SLOW]
    for number, url in enumerate(urls):
        assert visit(provider, url, f"203.0.113.{number}").status == 302
        internet.pages[url] = replace(internet.pages[url], wait_seconds=60)
    with provider.server.database.writing() as session:
        session.execute(update(OAuth2Client).values(unused_until=None))  # as after the first token
    provider.server.cache_invalidation.forget()
    expire(provider.application)

    def visit_again(number: int) -> int:
        return visit(provider, urls[number], f"203.0.113.{number}").status

    monkeypatch.setattr(outbound_slots, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 0.3)
    assert [visit_again(number) for number in range(4)] == [302] * 4, "the last good copies serve"
    assert internet.requested == [*urls, *urls]
    monkeypatch.setattr(outbound_slots, "SLOW_SECONDS", 60.0)
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 2.0)
    threads = [threading.Thread(target=visit_again, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(thread.is_alive() for thread in threads) + 2 * len(urls) == len(internet.requested))
    assert visit(provider, internet.publish(DOCUMENT), "198.51.100.7").status == 302, "a new host has a thread"
    for thread in threads:
        thread.join(ANSWER_SECONDS)


def test_one_visitor_of_many_known_clients_has_few_of_them_fetched_again(
    create_application: Create, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")
    settings: dict[str, Any] = {**PRODUCTION, "OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    provider = Provider(create_application(**settings, OAUTH2_METADATA_DOCUMENT_HOSTS=["*"]))
    urls = [internet.publish({**DOCUMENT, "client_id": f"https://app.example/{number}"}) for number in range(40)]
    for number, url in enumerate(urls):
        assert visit(provider, url, f"198.51.100.{number}").status == 302
    expire(provider.application)
    internet.requested.clear()
    assert {visit(provider, url, "203.0.113.9").status for url in urls} == {302}, "the stored copies serve"
    assert 1 <= len(internet.requested) < 20
    assert visit(provider, urls[-1], "198.51.100.7").status == 302
    assert internet.requested[-1] == urls[-1], "others have theirs fetched"
