"""What /metrics gives to whoever has its token: counts of requests and events, and what waits to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.embedding_host import PREFIX, open_hosts
from tests.support.live_server import LiveServer
from tests.support.residents import Resident
from tests.support.token_requests import INTROSPECT, PRODUCTION, TOKEN, Answer, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from tests.support.wire import Wire, through
from website import clock
from website.audit import EVENTS
from website.identifiers import new_identifier
from website.models.client_session import ClientSession
from website.models.mail_message import MailMessage
from website.wsgi.metrics import METRICS, OTHER

SECRET = "Vw3nR8kTz1QxYb6mJc0LpHs5Df9GaUe2"
ON = {**PRODUCTION, "OAUTH2_METRICS_TOKEN": SECRET, "OAUTH2_SENDS_NOTICES": False}
SMTP = {"OAUTH2_SMTP_HOST": "mail.example", "OAUTH2_MAIL_FROM": "login@example.org"}
REQUESTS = "grantwright_requests_total"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def node(tmp_path: Path, database_uri: str) -> Iterator[Provider]:
    with open_provider(tmp_path, database_uri, **ON) as opened:
        yield opened


def ask(node: Provider, method: str = "GET", **headers: str) -> Answer:
    """Ask as Prometheus does: inside the network, over plain http, by another name."""
    return node.open(method, METRICS, base_url="http://10.0.0.7:8001", headers=headers)


def read_samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def scrape(node: Provider) -> Samples:
    answer = ask(node, Authorization=f"Bearer {SECRET}")
    assert answer.status == 200
    return read_samples(answer.body.decode())


def value_of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


# --- who gets them


def test_without_the_setting_there_are_none(provider: Provider) -> None:
    assert provider.get(METRICS, Authorization="Bearer ").status == 404


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", f"Basic {SECRET}", SECRET, "Bearer é"],
)
def test_without_the_token_nobody_gets_anything(node: Provider, authorization: str) -> None:
    answer = ask(node, **({"Authorization": authorization} if authorization else {}))
    assert (answer.status, answer.error) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="metrics"'
    assert b"grantwright" not in answer.body


def test_whoever_has_the_token_gets_them_uncached_in_the_format_they_ask_for(node: Provider) -> None:
    answer = ask(node, Authorization=f"bearer {SECRET}")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"].startswith("text/plain")
    open_metrics = ask(node, Authorization=f"Bearer {SECRET}", Accept="application/openmetrics-text; version=1.0.0")
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert open_metrics.body.endswith(b"# EOF\n")
    head = ask(node, "HEAD", Authorization=f"Bearer {SECRET}")
    assert (head.status, head.body) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(node, method, Authorization=f"Bearer {SECRET}").status == 405


# --- what they tell


def test_requests_are_counted_by_path_grant_type_and_status(node: Provider) -> None:
    client = node.create_client(scope="profile")
    assert node.ask_token(client).status == 200
    for secret in ("wrong", "wrong again"):
        fields = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": secret}
        assert node.post(TOKEN, fields).status == 401
    assert node.post(TOKEN, {"grant_type": "made up"}, Authorization=client.basic).status == 400
    assert node.post(INTROSPECT, {"token": "x"}, Authorization=client.basic).status == 200
    for row in ("one", "two"):
        assert node.get(f"/clients/{row}").status in (303, 404)

    samples = scrape(node)
    of_token = {"path": TOKEN, "grant_type": "client_credentials"}
    assert value_of(samples, REQUESTS, **of_token, status="200") == 1
    assert value_of(samples, REQUESTS, **of_token, status="401") == 2
    assert value_of(samples, REQUESTS, path=TOKEN, grant_type="", status="400") == 1
    assert value_of(samples, REQUESTS, path=INTROSPECT, grant_type="", status="200") == 1
    assert value_of(samples, "grantwright_request_seconds_count", path=TOKEN) == 4
    assert value_of(samples, "grantwright_request_seconds_bucket", path=TOKEN, le="+Inf") == 4
    assert sum(value for (name, _labels), value in samples.items() if name == REQUESTS) == 7
    assert value_of(scrape(node), REQUESTS, path=METRICS, grant_type="", status="200") == 1


def test_security_events_are_counted_by_name_and_outcome(node: Provider) -> None:
    name, person = "grantwright_security_events_total", Resident(node.application)
    node.create_user("alice")
    before = scrape(node)
    for _ in range(2):
        page = person.get("/")
        assert person.post("/", {**page.hidden_fields(), "username": "alice", "password": "wrong"}).status == 422
    after = scrape(node)
    assert value_of(before, name, event="login", outcome="failure") is None
    assert value_of(after, name, event="login", outcome="failure") == 2


def test_no_request_adds_a_label_of_its_own(node: Provider) -> None:
    client = node.create_client(scope="profile")
    paths = {rule.rule for rule in node.application.url_map.iter_rules()} | {METRICS, OTHER}

    def spoil(number: int) -> None:
        node.get(f"/nothing/{number}")
        node.get(f"/clients/{number}")
        node.get(f"/oauth/token/{number}")
        node.get(f"/errors/{number}")
        node.open("BREW", TOKEN)
        node.open(f"M{number}".upper(), f"/static/{number}.css")
        node.post(TOKEN, {"grant_type": f"type {number}"}, Authorization=client.basic)
        node.post(TOKEN, {"grant_type": "client_credentials", "scope": f"scope{number}"}, Authorization=client.basic)
        node.get("/", Host=f"{number}.example", Authorization=f"Bearer {number}")

    spoil(0)
    first = set(scrape(node)) | set(scrape(node))
    for number in range(1, 30):
        spoil(number)
    assert set(scrape(node)) == first
    labels = [dict(labels) for name, labels in first if name == REQUESTS]
    assert {one["path"] for one in labels} <= paths
    assert {one["grant_type"] for one in labels} == {"", "client_credentials"}
    events = {dict(labels)["event"] for name, labels in first if name == "grantwright_security_events_total"}
    assert events <= EVENTS.keys()


def test_messages_that_wait_and_those_given_up_are_counted_apart(tmp_path: Path, database_uri: str) -> None:
    with open_provider(tmp_path, database_uri, **ON, **SMTP) as node:
        client, now = node.create_client(), clock.now()
        with node.server.database.writing() as session:
            for due in (now, now + 600, None):
                session.add(
                    MailMessage(
                        id=new_identifier(), kind="test", address="a@b.example", facts="{}", created_at=now, tries=0,
                        next_try_at=due, expires_at=now + 3600,
                    )
                )  # fmt: skip
            for due in (now, None, None):
                session.add(
                    ClientSession(
                        id=new_identifier(), client=client.row, issuer="", sid=new_identifier(), sub="s", tries=0,
                        next_try_at=due,
                    )
                )  # fmt: skip
        samples = scrape(node)
    found = {
        (queue, state): value_of(samples, "grantwright_outbox_messages", queue=queue, state=state)
        for queue in ("emails", "logout_notices")
        for state in ("waiting", "failed")
    }
    assert list(found.values()) == [2, 1, 1, 2]


def test_a_node_that_drains_or_has_lost_its_database_is_not_ready(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire
) -> None:
    with open_provider(tmp_path, through(wire, create_database()), **ON, **SMTP) as node:
        ready = "grantwright_ready"
        assert value_of(scrape(node), ready) == 1
        assert node.application.test_cli_runner().invoke(args=["drain"]).exit_code == 0
        wait_until(lambda: value_of(scrape(node), ready) == 0)
        assert node.application.test_cli_runner().invoke(args=["drain", "--undo"]).exit_code == 0
        wait_until(lambda: value_of(scrape(node), ready) == 1)
        wire.cut()
        wait_until(lambda: value_of(scrape(node), ready) == 0)
        assert not any(name == "grantwright_outbox_messages" for name, _labels in scrape(node))


# --- where they are


def test_a_server_has_them_with_those_of_its_process(live_server: Callable[..., LiveServer]) -> None:
    node = live_server("granian", {"OAUTH2_METRICS_TOKEN": SECRET})
    assert requests.get(f"{node.url}{METRICS}", timeout=ANSWER_SECONDS).status_code == 401
    headers = {"Authorization": f"Bearer {SECRET}"}
    samples = read_samples(requests.get(f"{node.url}{METRICS}", headers=headers, timeout=ANSWER_SECONDS).text)
    assert value_of(samples, REQUESTS, path=METRICS, grant_type="", status="401") == 1
    assert (value_of(samples, "process_resident_memory_bytes") or 0) > 10_000_000
    assert SECRET not in node.log


def test_in_another_application_they_are_below_the_provider(tmp_path: Path, sqlite_uri: str) -> None:
    with open_hosts(sqlite_uri, tmp_path) as create:
        browser = create(OAUTH2_METRICS_TOKEN=SECRET).app.test_client()
        headers = {"Authorization": f"Bearer {SECRET}"}
        samples = read_samples(browser.get(PREFIX + METRICS, headers=headers).get_data(as_text=True))
        assert value_of(samples, "grantwright_ready") == 1
        assert browser.get(METRICS, headers=headers).status_code == 404
