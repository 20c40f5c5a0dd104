"""What a client may register: which response types and grant types go together, and for whom."""

import pytest

from website.clients.metadata import Offered, check_metadata

CODE, IMPLICIT = "authorization_code", "implicit"
RESPONSE_TYPES = {
    "code": [CODE],
    "token": [IMPLICIT],
    "id_token": [IMPLICIT],
    "id_token token": [IMPLICIT],
    "code id_token": [CODE, IMPLICIT],
    "code token": [CODE, IMPLICIT],
    "code id_token token": [CODE, IMPLICIT],
}
OFFERED = Offered((CODE, IMPLICIT), tuple(RESPONSE_TYPES), ("none", "client_secret_basic"), (), {})


def problems_of(response_types: list[str], grant_types: list[str], method: str = "none") -> dict[str, str]:
    metadata = {
        "client_name": "A client",
        "redirect_uris": ["https://client.example/callback"],
        "response_types": response_types,
        "grant_types": grant_types,
        "token_endpoint_auth_method": method,
    }
    return check_metadata(metadata, OFFERED).by_field


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
def test_a_response_type_is_registered_with_the_grants_that_it_needs(response_type: str) -> None:
    assert problems_of([response_type], RESPONSE_TYPES[response_type]) == {}


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
@pytest.mark.parametrize("grant_types", [[CODE], [IMPLICIT], [CODE, IMPLICIT]])
def test_any_other_choice_of_grants_is_refused_at_the_response_types(
    response_type: str, grant_types: list[str]
) -> None:
    if grant_types != RESPONSE_TYPES[response_type]:
        assert set(problems_of([response_type], grant_types)) == {"response_types"}


def test_several_response_types_share_the_grants_that_they_need() -> None:
    assert problems_of(["code", "id_token"], [CODE, IMPLICIT]) == {}
    assert set(problems_of(["code", "id_token"], [CODE])) == {"response_types"}


@pytest.mark.parametrize("response_type", [name for name in RESPONSE_TYPES if name != "token"])
def test_a_client_with_a_secret_may_have_every_response_type_but_the_plain_token(response_type: str) -> None:
    assert problems_of([response_type], RESPONSE_TYPES[response_type], "client_secret_basic") == {}


@pytest.mark.parametrize("response_types", [["token"], ["token", "id_token"], ["id_token", "token"]])
def test_a_client_with_a_secret_is_refused_the_plain_token(response_types: list[str]) -> None:
    found = problems_of(response_types, [IMPLICIT], "client_secret_basic")
    assert set(found) == {"token_endpoint_auth_method"}
