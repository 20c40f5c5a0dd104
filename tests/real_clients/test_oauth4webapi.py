"""oauth4webapi (JavaScript): login step by step, a JWT that an API judges itself, refresh, introspection, revocation.

The program is ``node/oauth4webapi.js``; the person's part is played by ``tests/support/person.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_clients.conftest import OpenIDProvider
from tests.real_clients.node_program import run_node
from tests.support.person import REDIRECT_URI

METHODS = ["client_secret_basic", "client_secret_post", "none"]
GOODBYE = "https://client.example/goodbye"


@pytest.mark.parametrize(
    ("method", "response_type"), [*((method, "code") for method in METHODS), ("none", "code id_token")]
)
def test_it_logs_in_refreshes_introspects_and_revokes(
    openid_provider: OpenIDProvider, tmp_path: Path, method: str, response_type: str
) -> None:
    metadata = {
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": "ES256",
        "response_types": ["code", "code id_token"],
        "post_logout_redirect_uris": [GOODBYE],
    }
    registered = openid_provider.create_client(REDIRECT_URI, policy={"access_token_format": "jwt"}, **metadata)
    person = openid_provider.log_in("bob")
    with run_node("oauth4webapi.js", tmp_path / "node.log") as program:
        program.say(
            {
                "issuer": openid_provider.issuer,
                "client_id": registered.client_id,
                "client_secret": registered.secret,
                "redirect_uri": REDIRECT_URI,
                "post_logout_redirect_uri": GOODBYE,
                "response_type": response_type,
                "metadata": metadata,
                "audience": openid_provider.issuer,
            }
        )
        page = person.get(program.hear()["authorization_url"])
        location = person.decide(page).location
        # A browser keeps the fragment to itself, unless the answer is in it: then the page sends it on.
        program.say(location.partition("#")[0] if response_type == "code" else location)
        said = program.hear_all()

    if response_type == "code":
        assert "iss" in said["of_another_issuer"]
    else:
        assert "c_hash" in said["of_another_code"]
    subject = said["claims"]["sub"]
    assert said["person"]["preferred_username"] == "bob"
    assert (said["at_the_api"]["sub"], said["at_the_api"]["client_id"]) == (subject, registered.client_id)
    assert said["person_again"] == said["person"]
    assert said["is_new"]
    assert said["introspected"] == (None if method == "none" else {"before": True, "after": False})
    assert said["userinfo_after_revocation"] == "invalid_token"
    assert said["refresh_after_revocation"] == "invalid_grant"
    answer = person.get(said["end_session_url"])
    assert (answer.status, answer.location) == (303, GOODBYE)
    assert person.get("/account/apps").status == 303
