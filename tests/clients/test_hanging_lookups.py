"""Names whose lookup hangs: it can't be ended, and keeps nobody else's documents out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from tests.support.internet import PUBLIC_ADDRESS, Internet, open_internet
from tests.support.metadata_documents import CALLBACK, DOCUMENT, URL, expire
from tests.support.person import Pkce
from tests.support.token_requests import PRODUCTION, Provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website import outbound, outbound_overdue

QUICK_SECONDS, PATIENT_SECONDS = 0.1, 60.0
FRESH = [f"fresh{number}.example" for number in range(4)]
#: At an address where hostile names can be looked up, if ever.
HOSTILE = [f"a{number}.hostile.example" for number in range(20)]
OF_MANY_DOMAINS = [f"hostile{number}.example" for number in range(50)]


class Lookups:
    """Name servers that never answer, until the end of the test."""

    def __init__(self, internet: Internet) -> None:
        self._internet = internet
        self._ends = threading.Event()
        self._begun: list[str] = []
        self._lock = threading.Lock()
        self.under_way: list[str] = []

    def hang(self, *hosts: str) -> None:
        for host in hosts:
            self._internet.addresses[host] = lambda host=host: self._wait(host)  # type: ignore[misc]

    def _wait(self, host: str) -> str:
        with self._lock:
            self.under_way.append(host)
        self._ends.wait(ANSWER_SECONDS)
        with self._lock:
            self.under_way.remove(host)
        return PUBLIC_ADDRESS

    def are_under_way(self, expected: list[str]) -> None:
        """Wait until these are the names that are being looked up."""
        wait_until(lambda: len(self.under_way) >= len(expected))
        assert sorted(self.under_way) == sorted(expected)

    def end(self) -> None:
        self._ends.set()
        wait_until(lambda: not self.under_way)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with open_internet(tmp_path_factory.mktemp("internet"), "app.example", *FRESH) as internet:
        yield internet


@pytest.fixture
def lookups(hosts: Internet) -> Iterator[Lookups]:
    hosts.pages.clear()
    hosts.requested.clear()
    hosts.addresses.clear()
    hosts.connected = 0
    lookups = Lookups(hosts)
    lookups.hang(*HOSTILE, *OF_MANY_DOMAINS)
    for host in ("app.example", *FRESH):
        hosts.publish({**DOCUMENT, "client_id": url_at(host)})
    yield lookups
    lookups.end()


@pytest.fixture
def application(create_application: Callable[..., Flask], hosts: Internet, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")
    settings: dict[str, Any] = {
        **PRODUCTION,
        "OAUTH2_OUTBOUND_CA": str(hosts.certificate),
        "OAUTH2_METADATA_DOCUMENT_HOSTS": ["*"],
    }
    return create_application(**settings, OAUTH2_RATE_LIMITS={"register": 1000, "trusted_networks": ["192.0.2.0/24"]})


@pytest.fixture
def provider(application: Flask) -> Provider:
    return Provider(application)


def url_at(host: str) -> str:
    return URL.replace("app.example", host)


def visit(provider: Provider, host: str, address: str) -> int:
    parameters = {"response_type": "code", "client_id": url_at(host), "redirect_uri": CALLBACK, "scope": "profile"}
    query = urlencode({**parameters, **Pkce().parameters})
    return provider.open("GET", f"/oauth/authorize?{query}", environ_overrides={"REMOTE_ADDR": address}).status


def test_a_name_that_is_never_found_takes_nobody_elses_turn_after_the_deadline(
    provider: Provider, hosts: Internet, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", QUICK_SECONDS)
    for number, host in enumerate(HOSTILE[:4]):
        assert visit(provider, host, f"203.0.113.{number}") == 503
    lookups.are_under_way(HOSTILE[:4])
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", PATIENT_SECONDS)
    for number, host in enumerate(FRESH):
        assert visit(provider, host, f"198.51.100.{number}") == 302
    lookups.end()
    wait_until(lambda: not any(thread.name == "outbound" for thread in threading.enumerate()))
    assert hosts.connected == len(FRESH), "nothing is sent to a host found too late"


def test_few_names_of_one_domain_are_looked_up_at_once_however_many_ask(
    provider: Provider, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", QUICK_SECONDS)
    assert {visit(provider, host, f"203.0.113.{number}") for number, host in enumerate(HOSTILE)} == {503}
    lookups.are_under_way(HOSTILE[: outbound_overdue.MAX_OVERDUE_OF_A_DOMAIN])
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", PATIENT_SECONDS)
    assert visit(provider, FRESH[0], "198.51.100.1") == 302


def test_lookups_that_hang_are_few_in_all_and_leave_hosts_with_a_good_copy_alone(
    application: Flask, provider: Provider, hosts: Internet, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert visit(provider, "app.example", "198.51.100.1") == 302
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", QUICK_SECONDS)
    for number, host in enumerate(OF_MANY_DOMAINS):
        assert visit(provider, host, f"203.0.113.{number}") == 503
    lookups.are_under_way(OF_MANY_DOMAINS[: outbound_overdue.MAX_OVERDUE // 2])
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", PATIENT_SECONDS)
    expire(application)
    assert visit(provider, "app.example", "198.51.100.1") == 302
    assert hosts.requested == [URL, URL]
    assert visit(provider, FRESH[0], "198.51.100.1") == 503
    lookups.end()
    wait_until(lambda: visit(provider, FRESH[0], "198.51.100.1") == 302)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("203.0.113.1", "203.0.113.1", 503),
        ("2001:db8:1:1::1", "2001:db8:1:1::2", 503),
        ("203.0.113.1", "198.51.100.1", 302),
        ("192.0.2.1", "192.0.2.1", 302),  # a trusted network
    ],
)
def test_a_visitor_whose_lookup_has_not_ended_gets_no_other_one(
    provider: Provider, lookups: Lookups, monkeypatch: pytest.MonkeyPatch, first: str, second: str, status: int
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", QUICK_SECONDS)
    assert visit(provider, HOSTILE[0], first) == 503
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", PATIENT_SECONDS)
    assert visit(provider, FRESH[0], second) == status
    lookups.end()
    wait_until(lambda: visit(provider, FRESH[0], second) == 302)


def test_a_visitor_waits_for_one_document_at_a_time(provider: Provider, lookups: Lookups) -> None:
    statuses = []
    visitor = threading.Thread(target=lambda: statuses.append(visit(provider, HOSTILE[0], "203.0.113.1")))
    visitor.start()
    wait_until(lambda: lookups.under_way)
    assert visit(provider, FRESH[0], "203.0.113.1") == 503
    assert visit(provider, FRESH[0], "198.51.100.1") == 302
    lookups.end()
    visitor.join(ANSWER_SECONDS)
    assert statuses == [503]


def test_the_names_of_one_domain_take_one_turn_however_many_ask(provider: Provider, lookups: Lookups) -> None:
    statuses: list[int] = []
    visitor = threading.Thread(target=lambda: statuses.append(visit(provider, HOSTILE[0], "203.0.113.1")))
    visitor.start()
    wait_until(lambda: lookups.under_way)
    for number, host in enumerate(HOSTILE[1:]):
        assert visit(provider, host, f"203.0.113.{number + 2}") == 503
    lookups.are_under_way(HOSTILE[:1])
    assert visit(provider, FRESH[0], "198.51.100.1") == 302
    lookups.end()
    visitor.join(ANSWER_SECONDS)
    assert statuses == [503]
