"""Codes and refresh tokens tried by many at once, on two nodes (C6, C7, R4, X4).

A code has one winner, and what it got is dead as soon as a loser has tried. A refresh token is rotated once, and the
others are answered with the same generation: there are never two branches.
"""

from __future__ import annotations

import pytest

from tests.race.conftest import Field, redemption, refreshing, winner_of
from tests.support.person import Pkce
from tests.support.token_requests import MachineClient

SHORT_AND_LONG = pytest.mark.parametrize("races", [40, pytest.param(200, marks=pytest.mark.soak)])


@SHORT_AND_LONG
def test_of_many_who_redeem_one_code_exactly_one_succeeds_and_gets_nothing_that_lasts(field: Field, races: int) -> None:
    client, person, pkce = field.create_client(), field.log_in(), Pkce()
    with field.battery() as battery:
        for _ in range(races):
            shots = battery.fire(redemption(client, field.draw_code(person, client, pkce), pkce))
            won = winner_of(shots)

            assert field.is_dead_everywhere(client, won["access_token"], won["refresh_token"])

    grants = "FROM oauth2_grant WHERE client = :client"
    assert field.number(f"SELECT count(*) {grants}", client=client.row) == races
    assert field.number(f"SELECT count(*) {grants} AND revoked_at IS NULL", client=client.row) == 0
    assert_nothing_is_orphaned(field, client)


@SHORT_AND_LONG
def test_of_many_who_take_one_refresh_token_all_get_the_same_generation_and_never_two_branches(
    field: Field, races: int
) -> None:
    client = field.create_client()
    with field.battery() as battery:
        for _ in range(races):
            first = field.third.log_in(client)
            shots = battery.fire(refreshing(client, first["refresh_token"]))
            assert {shot.outcome for shot in shots} == {"200"}
            tokens = [shot.json["refresh_token"] for shot in shots]

            # All are the current generation: when one of them was taken, the others are spent.
            last = field.third.refresh(client, tokens[0]).json
            assert not any(field.third.is_active(client, token) for token in tokens)
            assert field.third.is_active(client, last["refresh_token"])

    assert field.rows(
        "SELECT generation, count(*), count(revoked_at) FROM oauth2_grant WHERE client = :client GROUP BY generation",
        client=client.row,
    ) == [(2, races, 0)]


@SHORT_AND_LONG
def test_of_many_who_take_a_token_of_former_generations_none_succeeds_and_the_family_dies(
    field: Field, races: int
) -> None:
    client = field.create_client()
    with field.battery() as battery:
        for _ in range(races):
            first = field.third.log_in(client)
            second = field.third.refresh(client, first["refresh_token"]).json
            third = field.third.refresh(client, second["refresh_token"]).json
            shots = battery.fire(refreshing(client, first["refresh_token"]))
            assert {shot.outcome for shot in shots} == {"400 invalid_grant"}
            assert field.is_dead_everywhere(client, third["access_token"], third["refresh_token"])


def test_a_code_redeemed_by_one_and_mistaken_by_many_is_granted_once_or_burnt(field: Field) -> None:
    """A wrong verifier burns the code, the right one redeems it: whichever comes first, never both."""
    client, person, pkce = field.create_client(), field.log_in(), Pkce()
    with field.battery() as battery:
        for turn in range(10):
            code = field.draw_code(person, client, pkce)
            requests = [redemption(client, code, Pkce())] * 15
            requests.insert(turn, redemption(client, code, pkce))
            shots = battery.fire(requests)

            assert sum(shot.status == 200 for shot in shots) <= 1
            assert {shot.outcome for shot in shots if shot.status != 200} == {"400 invalid_grant"}
    live = "SELECT count(*) FROM oauth2_grant WHERE client = :client AND revoked_at IS NULL"
    assert field.number(live, client=client.row) == 0
    assert_nothing_is_orphaned(field, client)


def assert_nothing_is_orphaned(field: Field, client: MachineClient) -> None:
    """Each granted code has its grant, each grant its one code, and no code was left unused."""
    of_client = {"client": client.row}
    codes = "FROM oauth2_authorization_code AS code WHERE code.client = :client"
    granted = f'SELECT count(*) {codes} AND code."grant" IS NOT NULL'
    assert field.number(f"SELECT count(*) {codes} AND code.used_at IS NULL", **of_client) == 0
    assert field.number(f'{granted} AND code."grant" NOT IN (SELECT id FROM oauth2_grant)', **of_client) == 0
    assert field.number(granted, **of_client) == field.number(
        "SELECT count(*) FROM oauth2_grant WHERE client = :client", **of_client
    )
