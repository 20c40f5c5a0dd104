"""How many devices may wait for people, and which of them give way: counted by network, on all nodes together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.device_flow import DEVICE_AUTHORIZATION, create_device_client, enter, poll
from tests.support.residents import Resident, add_user, open_nodes
from tests.support.token_requests import Answer, MachineClient, Provider
from website.grants import waiting_devices
from website.identifiers import hash_secret


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened_nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("waiting"), request.param) as opened:
        add_user(opened[0], "alice")
        yield opened


@pytest.fixture
def nodes(opened_nodes: list[Provider]) -> list[Provider]:
    change(opened_nodes[0], "expires_at = expires_at - 600")
    return opened_nodes


def change(node: Provider, columns: str) -> None:
    with node.server.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE oauth2_device_code SET {columns}")


def log_in(node: Provider) -> Resident:
    person = Resident(node.application)
    assert person.log_in("alice").status == 303
    return person


def assert_refused(node: Provider, client: MachineClient, device_code: str, error: str) -> None:
    answer = poll(node, client, device_code)
    assert (answer.status, answer.error) == (400, error), answer.body


def ask_from(provider: Provider, address: str, client: MachineClient) -> Answer:
    """Have a device at an address ask for its codes."""
    body, origin = {"client_id": client.client_id}, {"REMOTE_ADDR": address}
    return provider.open("POST", DEVICE_AUTHORIZATION, data=body, environ_overrides=origin)


def assert_refused_for_now(answer: Answer) -> None:
    assert (answer.status, answer.error) == (429, "temporarily_unavailable"), answer.body
    assert answer.headers["Retry-After"] == "60"


def test_so_many_devices_of_a_network_may_wait_for_their_codes_to_be_entered(
    nodes: list[Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, other), client, person = nodes, create_device_client(nodes[0]), log_in(nodes[0])
    monkeypatch.setattr(waiting_devices, "MAX_OF_NETWORK", 3)
    started = [ask_from(one, f"2001:db8:3:{place}::1", client) for place in range(3)]
    other_client = create_device_client(one)
    assert_refused_for_now(ask_from(other, "2001:db8:3:ff::1", other_client))
    assert ask_from(one, "2001:db8:4::1", client).status == 200
    assert enter(person, started[0].json["user_code"]).status == 303
    assert ask_from(other, "2001:db8:3:ff::1", client).status == 200


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("limit", ["MAX_OF_CLIENT", "MAX_OF_ALL"])
def test_if_too_many_devices_wait_those_of_the_network_with_most_of_them_give_way(
    nodes: list[Provider], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    (one, other), client, person = nodes, create_device_client(nodes[0]), log_in(nodes[0])
    monkeypatch.setattr(waiting_devices, limit, 5)
    addresses = ["198.51.100.7", *["203.0.113.1"] * 4]
    honest, entered, oldest, *newer = (ask_from(one, address, client).json for address in addresses)
    assert enter(person, entered["user_code"]).status == 303
    is_oldest = f"device_code_hash = '{hash_secret(oldest['device_code'])}'"
    change(one, f"created_at = created_at - 1 WHERE {is_oldest}")

    late = [ask_from(other, f"192.0.2.{place}", client).json for place in range(1, 3)]
    assert_refused(one, client, oldest["device_code"], "invalid_grant")
    assert sorted(poll(one, client, codes["device_code"]).error for codes in newer) == [
        "authorization_pending", "invalid_grant",
    ]  # fmt: skip
    for codes in (honest, entered, *late):
        assert_refused(one, client, codes["device_code"], "authorization_pending")
    assert [enter(person, codes["user_code"]).status for codes in (honest, *newer, *late)].count(303) == 4
    assert_refused_for_now(ask_from(one, "192.0.2.9", client))
    if limit == "MAX_OF_CLIENT":
        assert ask_from(one, "192.0.2.9", create_device_client(one)).status == 200
    change(one, "expires_at = expires_at - 600")
    assert ask_from(one, "192.0.2.9", client).status == 200
