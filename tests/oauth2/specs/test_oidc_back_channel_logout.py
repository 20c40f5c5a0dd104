"""Clients hear of the end of a login, whichever way it ended: at least once, and each without waiting for another."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from jwcrypto import jwk, jwt

from tests.support.listening_client import ListeningClient, open_listening_client
from tests.support.openid_client import OpenIDClient, header_of
from tests.support.postgres import Cluster
from tests.support.registering_client import ask as register
from tests.support.signing_client import secret_key
from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import wait_until
from website.outbox.sender import MAX_TRIES

METADATA = "/.well-known/openid-configuration"
EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}
#: Notices are sent when a test says so.
BY_HAND = {"OAUTH2_OUTBOUND_LOOPBACK": True, "OAUTH2_SENDS_NOTICES": False}
Create = Callable[..., Flask]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Cluster
) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    name = postgres_cluster.create_database() if request.param == "postgresql" else ""
    uri = postgres_cluster.url(name) if name else f"sqlite:///{folder}/db.sqlite"
    with open_provider(folder, uri, **BY_HAND) as opened:
        yield opened
    if name:
        postgres_cluster.drop_database(name)


@pytest.fixture
def listener() -> Iterator[ListeningClient]:
    with open_listening_client() as opened:
        yield opened


def create_site(node: Provider, listener: ListeningClient, username: str = "alice", **metadata: Any) -> OpenIDClient:
    site = OpenIDClient.create(node, backchannel_logout_uri=listener.url, **metadata)
    site.person.log_in(username)
    return site


def send(node: Provider) -> None:
    result = node.application.test_cli_runner().invoke(args=["worker", "--once"])
    assert result.exit_code == 0, result.output


def judge(site: OpenIDClient, token: str) -> dict[str, Any]:
    """Verify a logout token as a client does (section 2.6)."""
    header = header_of(token)
    assert header["typ"] == "logout+jwt"
    if header["alg"].startswith("HS"):
        key = secret_key(site.client.secret or "")
    else:
        key = jwk.JWKSet.from_json(site.provider.get("/oauth/jwks").body.decode()).get_key(header["kid"])
    read = jwt.JWT(jwt=token, key=key, algs=[header["alg"]], check_claims={"aud": site.client.client_id})
    claims: dict[str, Any] = json.loads(read.claims)
    assert claims["events"] == EVENTS
    assert "nonce" not in claims
    assert claims["exp"] - claims["iat"] == 120
    return claims


def notices(node: Provider, site: OpenIDClient) -> list[Any]:
    return [row for row in node.server.sessions.logout_queue.list_ended(100) if row.client == site.client.row]


# What is told


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
def test_a_client_hears_which_login_of_whom_has_ended(
    node: Provider, listener: ListeningClient, algorithm: str
) -> None:
    site = create_site(
        node, listener, id_token_signed_response_alg=algorithm, token_endpoint_auth_method="client_secret_basic"
    )
    id_token = site.get_tokens()["id_token"]
    told = judge_id_token(site, id_token)
    site.person.log_out()
    send(node)
    [token] = listener.wait_for(1)
    claims = judge(site, token)
    assert {name: claims[name] for name in ("iss", "sub", "sid")} == {
        name: told[name] for name in ("iss", "sub", "sid")
    }
    assert list(listener.heard[0]) == ["logout_token"]
    assert listener.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def judge_id_token(site: OpenIDClient, id_token: str) -> dict[str, Any]:
    if header_of(id_token)["alg"].startswith("HS"):
        read = jwt.JWT(jwt=id_token, key=secret_key(site.client.secret or ""), algs=["HS256"])
        claims: dict[str, Any] = json.loads(read.claims)
        return claims
    return site.judge(id_token)


def test_a_pairwise_client_hears_of_whom_it_knows(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener, subject_type="pairwise")
    subject = site.judge(site.get_tokens()["id_token"])["sub"]
    site.person.log_out()
    send(node)
    assert judge(site, listener.wait_for(1)[0])["sub"] == subject


def test_a_person_may_see_which_clients_know_of_them(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener, "carla", subject_type="pairwise")
    told = site.judge(site.get_tokens()["id_token"])
    exported = json.loads(node.application.test_cli_runner().invoke(args=["users", "export", "carla"]).output)
    [known] = exported["known_at_clients"]
    assert (known["client"], known["sid"], known["sub"]) == (site.client.client_id, told["sid"], told["sub"])
    assert told["sub"] in [row["identifier"] for row in exported["pairwise_subjects"]]


def test_a_client_that_knew_of_no_login_hears_nothing(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener)
    site.get_tokens(scope="profile")
    site.person.log_out()
    send(node)
    assert listener.heard == []


def test_it_hears_once_however_often_it_was_told(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener)
    tokens = site.get_tokens(scope="openid offline_access")
    node.get_token(site.client, "refresh_token", refresh_token=tokens["refresh_token"])
    site.allow("id_token")
    site.person.log_out()
    send(node)
    send(node)
    assert len(listener.heard) == 1


def test_a_token_in_the_browser_alone_is_enough(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener)
    site.allow("id_token")
    with time_machine.travel(time.time() + 3600, tick=True):
        assert node.application.test_cli_runner().invoke(args=["prune"]).exit_code == 0
        site.person.log_out()
        send(node)
    assert len(listener.heard) == 1


# Whichever way it ended


def end_by_logout(site: OpenIDClient) -> None:
    site.person.log_out()


def end_by_another_login(site: OpenIDClient) -> None:
    site.person.log_in("somebody else")


def end_everywhere(site: OpenIDClient) -> None:
    page = site.person.get("/account/sessions/sign_out_everywhere")
    assert site.person.post("/account/sessions/sign_out_everywhere", page.hidden_fields()).status == 303


def end_from_another_browser(site: OpenIDClient) -> None:
    other = OpenIDClient.of(site.provider, site.client).person
    other.log_in("alice of " + site.client.client_id)
    page = other.get("/account/sessions")
    assert other.post("/account/sessions/end_others", page.hidden_fields()).status == 303


def run_command(site: OpenIDClient, *arguments: str) -> None:
    result = site.provider.application.test_cli_runner().invoke(args=[*arguments])
    assert result.exit_code == 0, result.output


def end_by_disabling(site: OpenIDClient) -> None:
    run_command(site, "users", "disable", "alice of " + site.client.client_id)


def end_by_deleting(site: OpenIDClient) -> None:
    run_command(site, "users", "delete", "alice of " + site.client.client_id, "--yes")


def end_by_own_deletion(site: OpenIDClient) -> None:
    page = site.person.get("/account/delete")
    answer = site.person.post(
        "/account/delete", {**page.hidden_fields(), "username": "alice of " + site.client.client_id}
    )
    assert answer.status == 303, answer.text


WAYS = [
    end_by_logout, end_by_another_login, end_everywhere, end_from_another_browser, end_by_disabling, end_by_deleting,
    end_by_own_deletion,
]  # fmt: skip


@pytest.mark.parametrize("end", WAYS, ids=[way.__name__ for way in WAYS])
def test_no_way_of_ending_a_login_forgets_a_client(
    node: Provider, listener: ListeningClient, end: Callable[[OpenIDClient], None]
) -> None:
    site = OpenIDClient.create(node, backchannel_logout_uri=listener.url)
    site.person.log_in("alice of " + site.client.client_id)
    site.get_tokens()
    end(site)
    send(node)
    assert judge(site, listener.wait_for(1)[0])["sid"]


@pytest.mark.parametrize("setting", ["session_seconds", "session_idle_seconds"])
def test_a_login_that_ran_out_is_told_of(node: Provider, listener: ListeningClient, setting: str) -> None:
    site = create_site(node, listener)
    if setting == "session_idle_seconds":
        site.allow("id_token")  # what can be refreshed keeps a login that idles
    else:
        site.get_tokens()
    with time_machine.travel(time.time() + getattr(node.server.settings, setting) + 61, tick=True):
        send(node)
    assert len(listener.heard) == 1


def test_the_process_that_logged_out_sends_it_itself(create_application: Create, listener: ListeningClient) -> None:
    node = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    site = create_site(node, listener)
    site.get_tokens()
    site.person.log_out()
    listener.wait_for(1)
    wait_until(lambda: notices(node, site) == [])


# At least once


@pytest.mark.parametrize("status", [400, 500, 302])
def test_what_was_not_heard_is_sent_again_later_and_later(
    node: Provider, listener: ListeningClient, status: int
) -> None:
    site, listener.status = create_site(node, listener), status
    site.get_tokens()
    site.person.log_out()
    moment, waits = time.time(), []
    for _try in range(4):
        with time_machine.travel(moment, tick=False):
            send(node)
            [notice] = notices(node, site)
            waits.append(notice.next_try_at - int(moment))
            send(node)
        moment = notice.next_try_at
    assert len(listener.heard) == 4
    for wait, expected in zip(waits, (5, 20, 80, 320), strict=True):
        assert expected * 0.7 <= wait <= expected * 1.3
    listener.status = 204
    with time_machine.travel(moment, tick=False):
        send(node)
    assert len(listener.heard) == 5
    assert notices(node, site) == []
    assert len({judge_loosely(token)["jti"] for token in listener.tokens}) == 5


def judge_loosely(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(jwt.JWT(jwt=token).token.objects["payload"])
    return claims


def test_what_nobody_ever_hears_is_given_up_and_shown(node: Provider, listener: ListeningClient) -> None:
    site, listener.status = create_site(node, listener), 500
    site.get_tokens()
    site.person.log_out()
    for _try in range(MAX_TRIES):
        [notice] = notices(node, site)
        with time_machine.travel(max(notice.next_try_at, time.time()), tick=False):
            send(node)
    [notice] = notices(node, site)
    assert (notice.next_try_at, notice.tries, len(listener.heard)) == (None, MAX_TRIES, MAX_TRIES)
    shown = node.application.test_cli_runner().invoke(args=["logout-notices", "list", "--json"])
    [row] = [row for row in json.loads(shown.output) if row["client_id"] == site.client.client_id]
    assert (row["tries"], row["next_try_at"]) == (MAX_TRIES, None)
    listener.status = 200
    run_command(site, "logout-notices", "retry")
    send(node)
    assert notices(node, site) == []


def test_a_client_that_hangs_delays_no_other(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.outbound.DEADLINE_SECONDS", 2.0)  # nothing here needs more to be heard
    with open_listening_client() as slow, open_listening_client() as quick:
        slow.wait_seconds = 30
        slow_site, quick_site = create_site(node, slow), create_site(node, quick)
        for number in range(3):
            for site in (slow_site, quick_site):
                site.person.log_in(f"user {number}")
                site.get_tokens()
                site.person.log_out()
        worker = threading.Thread(target=send, args=(node,))
        worker.start()
        quick.wait_for(3)
        assert worker.is_alive()  # it waits for the other one
        worker.join()
        # One try of its first, and the rest waits as long as that one.
        assert len(slow.heard) == 1
        waiting = notices(node, slow_site)
        assert len(waiting) == 3
        assert len({notice.next_try_at for notice in waiting}) == 1
        slow.wait_seconds = 0


def test_two_workers_send_each_notice_once(node: Provider, listener: ListeningClient) -> None:
    site = create_site(node, listener)
    for number in range(8):
        site.person.log_in(f"user {number}")
        site.get_tokens()
        site.person.log_out()
    workers = [threading.Thread(target=node.server.registry.logout_notices.run_once) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    send(node)  # a busy machine may have ended their turns before all was sent
    sids = [judge_loosely(token)["sid"] for token in listener.tokens]
    assert len(sids) == len(set(sids)) == 8


def test_a_client_that_is_disabled_or_gone_hears_nothing(node: Provider, listener: ListeningClient) -> None:
    disabled, deleted = create_site(node, listener), create_site(node, listener)
    for site in (disabled, deleted):
        site.get_tokens()
    node.server.clients.set_disabled(disabled.client.row, True)
    node.server.clients.delete(deleted.client.row)
    for site in (disabled, deleted):
        site.person.log_out()
    send(node)
    assert listener.heard == []
    assert notices(node, disabled) == notices(node, deleted) == []


# Metadata


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("backchannel_logout_uri", "http://client.example/out"),
        ("backchannel_logout_uri", "https://client.example/out#x"),
        ("backchannel_logout_uri", ["https://client.example/out"]),
        ("backchannel_logout_session_required", "yes"),
    ],
)
def test_what_cannot_be_registered_is_refused(provider: Provider, field: str, value: object) -> None:
    assert register(provider, **{field: value}).error == "invalid_client_metadata"


def test_discovery_says_so_and_switched_off_nobody_is_told(
    create_application: Create, listener: ListeningClient
) -> None:
    node = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    described = node.get(METADATA).json
    assert described["backchannel_logout_supported"] is described["backchannel_logout_session_supported"] is True
    without = Provider(create_application(OAUTH2_SPECS={"oidc_back_channel_logout": False}, **BY_HAND))
    assert "backchannel_logout_supported" not in without.get(METADATA).json
    site = create_site(without, listener)
    site.get_tokens()
    site.person.log_out()
    without.application.test_cli_runner().invoke(args=["worker", "--once"])
    assert listener.heard == []
