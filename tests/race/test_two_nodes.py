"""What one node does, the other knows: revocation at the next request, changes of clients within a second or so."""

from __future__ import annotations

import threading

import pytest
import requests

from tests.race.conftest import Field, redemption
from tests.race.volley import count, post
from tests.support.known_everywhere import within_its_time
from tests.support.live_server import LiveServer
from tests.support.person import Person, Pkce, code_of
from tests.support.token_requests import REVOKE, TOKEN, MachineClient
from tests.support.waiting import ANSWER_SECONDS


def ask_for_own_token(field: Field, node: LiveServer, client: MachineClient, secret: str) -> requests.Response:
    one_secret = MachineClient(client.client_id, secret, client.row, client.method)
    return field.post(node, TOKEN, {"grant_type": "client_credentials"}, one_secret)


def test_a_rotated_secret_is_known_to_other_nodes_on_time(field: Field) -> None:
    client = field.create_client()
    for node in field.nodes:
        assert ask_for_own_token(field, node, client, client.secret).status_code == 200  # kept in memory from here on

    new = field.third.server.clients.rotate_secret(client.row, 0)

    for node in field.nodes:
        assert within_its_time(lambda node=node: ask_for_own_token(field, node, client, new).status_code == 200)
        assert ask_for_own_token(field, node, client, client.secret).status_code == 401


def test_an_api_that_may_no_longer_look_at_tokens_is_known_to_other_nodes_on_time(field: Field) -> None:
    owner, api = field.create_client(), field.create_client()
    token = field.third.get_token(owner)["access_token"]
    assert [field.is_active(node, api, token) for node in field.nodes] == [False, False]  # kept in memory from here on

    for may in (True, False):
        field.third.server.clients.set_may_introspect(api.row, may)

        for node in field.nodes:
            assert within_its_time(lambda node=node, may=may: field.is_active(node, api, token) is may)


def test_a_deleted_client_is_known_to_other_nodes_on_time(field: Field) -> None:
    client = field.create_client()
    granted = field.third.log_in(client)["access_token"]
    own = ask_for_own_token(field, field.first, client, client.secret).json()["access_token"]
    assert [field.is_active(node, client, token) for node in field.nodes for token in (own, granted)] == [True] * 4
    assert [field.open_api(node, granted) for node in field.nodes] == [200, 200]

    field.third.server.clients.delete(client.row)

    assert [field.open_api(node, granted) for node in field.nodes] == [401, 401]  # its grant is gone: at once
    for node in field.nodes:
        assert within_its_time(
            lambda node=node: ask_for_own_token(field, node, client, client.secret).status_code == 401
        )
        assert field.open_api(node, own) == 401


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_the_end_of_a_client_is_known_to_other_nodes_on_time_among_changes_of_others(field: Field, end: str) -> None:
    client, others, clients = (
        field.create_client(),
        [field.create_client() for _ in range(3)],
        field.third.server.clients,
    )
    for node in field.nodes:
        assert ask_for_own_token(field, node, client, client.secret).status_code == 200  # kept in memory from here on
    stop = threading.Event()

    def change(row: str) -> None:
        while not stop.wait(0.01):
            clients.update(row, {"client_uri": "https://client.example/"})

    threads = [threading.Thread(target=change, args=(other.row,)) for other in others]
    for thread in threads:
        thread.start()
    try:
        clients.set_disabled(client.row, True) if end == "disable" else clients.delete(client.row)
        for node in field.nodes:
            assert within_its_time(
                lambda node=node: ask_for_own_token(field, node, client, client.secret).status_code == 401
            )
    finally:
        stop.set()
        for thread in threads:
            thread.join(ANSWER_SECONDS)
    for node in field.nodes:
        for other in others:
            assert ask_for_own_token(field, node, other, other.secret).status_code == 200


def test_nodes_that_still_remember_a_deleted_client_do_not_fail_at_it(field: Field) -> None:
    client = field.create_client()
    field.third.create_user("alice")
    request = post(
        TOKEN, {"grant_type": "password", "username": "alice", "password": "valid"}, {"Authorization": client.basic}
    )
    with field.battery() as battery:
        assert count(battery.fire(request)) == {"200": 16}
        field.third.server.clients.delete(client.row)
        outcomes = count(battery.fire(request))

    assert set(outcomes) <= {"401 invalid_client", "400 invalid_grant"}


def test_a_token_revoked_on_one_node_is_dead_on_the_other_at_the_next_request(field: Field) -> None:
    client = field.create_client()
    tokens = field.third.log_in(client)
    access_token, refresh_token = tokens["access_token"], tokens["refresh_token"]
    assert [field.open_api(node, access_token) for node in field.nodes] == [200, 200]

    assert field.post(field.first, REVOKE, {"token": access_token}, client).status_code == 200
    assert field.open_api(field.second, access_token) == 401
    assert field.is_active(field.second, client, refresh_token)

    assert field.post(field.second, REVOKE, {"token": refresh_token}, client).status_code == 200
    refreshed = field.post(field.first, TOKEN, {"grant_type": "refresh_token", "refresh_token": refresh_token}, client)
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")


def test_an_app_revoked_on_one_node_has_no_access_on_the_other_at_the_next_request(field: Field) -> None:
    client, person = field.create_client(), Person(field.first.url)
    person.log_in("carol")
    tokens = redeem(field, field.first, client, person)
    assert field.open_api(field.second, tokens["access_token"]) == 200

    assert revoke_app(person, client).status == 303

    assert field.open_api(field.second, tokens["access_token"]) == 401
    assert field.is_dead_everywhere(client, tokens["access_token"], tokens["refresh_token"])


def test_a_code_of_an_app_that_was_revoked_meanwhile_gives_nothing(field: Field) -> None:
    client, person, pkce = field.create_client(), Person(field.first.url), Pkce()
    person.log_in("carol")
    code = field.draw_code(person, client, pkce)
    assert revoke_app(person, client).status == 303

    with field.battery() as battery:
        assert count(battery.fire(redemption(client, code, pkce))) == {"400 invalid_grant": 16}
    assert field.number("SELECT count(*) FROM oauth2_grant WHERE client = :client", client=client.row) == 0


def test_an_app_revoked_while_its_codes_are_redeemed_is_left_with_nothing(field: Field) -> None:
    client, person, pkce = field.create_client(), field.log_in("carol"), Pkce()
    field.draw_code(person, client, pkce)
    with field.battery() as battery:
        for _ in range(5):
            requests_ = [redemption(client, field.draw_code(person, client, pkce), pkce) for _ in range(15)]
            revocation = revocation_request(field, "carol", client)
            shots = battery.fire([*requests_[:5], revocation, *requests_[5:]])

            assert shots.pop(5).status == 303
            assert {shot.outcome for shot in shots} <= {"200", "400 invalid_grant"}
            live = "SELECT count(*) FROM oauth2_grant WHERE client = :client AND revoked_at IS NULL"
            assert field.number(live, client=client.row) == 0


def test_a_logout_on_one_node_ends_the_login_on_the_other_at_the_next_request(field: Field) -> None:
    person = Person(field.first.url)
    person.log_in("dave")
    elsewhere = Person(field.second.url)
    elsewhere.session.cookies.update(person.session.cookies.get_dict())
    assert elsewhere.get("/account/apps").status == 200

    assert person.log_out().status == 303

    assert elsewhere.get("/account/apps").status == 303  # to the login page


def test_tokens_sealed_under_a_rotated_key_open_on_every_node_at_once(field: Field) -> None:
    client = field.create_client()
    before = field.third.log_in(client)["access_token"]
    assert field.open_api(field.first, before) == 200

    field.third.server.keys.rotate("sealing", 3600)
    after = field.third.log_in(client)["access_token"]

    assert [field.open_api(node, token) for node in field.nodes for token in (before, after)] == [200] * 4


def redeem(field: Field, node: LiveServer, client: MachineClient, person: Person) -> dict[str, str]:
    pkce = Pkce()
    code = code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    answer = field.post(node, TOKEN, {**fields, "redirect_uri": "https://client.example/cb"}, client)
    assert answer.status_code == 200, answer.text
    return answer.json()


def revoke_app(person: Person, client: MachineClient):
    page = person.get("/account/apps")
    return person.post(f"/account/apps/{client.row}/revoke", page.hidden_fields())


def revocation_request(field: Field, username: str, client: MachineClient) -> bytes:
    """Return the request by which a person presses the button on the page of connected apps."""
    person = Person(field.first.url)
    person.log_in(username)
    fields = person.get("/account/apps").hidden_fields()
    cookies = "; ".join(f"{name}={value}" for name, value in person.session.cookies.get_dict().items())
    return post(f"/account/apps/{client.row}/revoke", fields, {"Cookie": cookies})
