"""The page of what happened to one's own account: events in words, a page at a time, and nobody else's."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from tests.support.person import REDIRECT_URI, Answer, Pkce
from tests.support.residents import Resident, add_user, draw_code, open_nodes, redeem
from tests.support.token_requests import Provider
from website.audit import EVENTS
from website.routes.account import security_history
from website.routes.account.security_history import WORDS, WORDS_OF_FAILURES, WORDS_WITH_APP

PAGE = "/account/history"
APP = {"redirect_uris": [REDIRECT_URI], "response_types": ["code"]}


#: Events that change nothing for the person who reads their history, or that another event says.
NOT_TOLD = {
    "password_change_required": "the next login says it",
    "password_link_used": "password_changed says it",
    "factor_requirement_changed": "the next login says it",
    "email_link_created": "profile_changed says what came of it",
    "user_codes_throttled": "about devices that nobody has found",
    "refresh_token_repeated": "a response that was lost on the way",
    "user_deleted": "the page is gone with the account",
    "group_created": "about no person", "group_changed": "about no person", "group_deleted": "about no person",
    "invitation_created": "about no person", "invitation_revoked": "about no person",
    "invitation_used": "user_created says it",
    "draining": "of the server",
}  # fmt: skip
#: So begin the names of events about something else.
OF_OTHERS = ("client_", "resource_", "initial_access_token_", "key_", "keys_", "database_")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        for name in ("alice", "bob"):
            add_user(opened[0], name)
        yield opened[0]


def happenings(page: Answer) -> list[str]:
    found = re.findall(r'<span class="row-heading[^"]*">(.*?)</span>', page.text, re.DOTALL)
    return [html.unescape(re.sub(r"<svg.*?</svg>", "", words, flags=re.DOTALL)).strip() for words in found]


def test_every_event_about_a_person_has_words_or_a_reason_for_none() -> None:
    told = {*WORDS, *WORDS_WITH_APP, *WORDS_OF_FAILURES}
    assert {name for name in EVENTS if not name.startswith(OF_OTHERS)} - told == NOT_TOLD.keys()
    assert told <= EVENTS.keys()


def test_history_says_what_happened_in_words(node: Provider) -> None:
    alice = Resident(node.application)
    assert alice.log_in("alice", password="wrong").status == 422
    assert alice.log_in("alice").status == 303
    client = node.create_client("authorization_code", client_name="Photo <Press>", **APP)
    draw_code(alice, client, Pkce())
    alice.post("/account", {**alice.get("/account").hidden_fields(), "nickname": "Al"})
    page = alice.get(PAGE)
    assert happenings(page) == [
        "Details changed",
        "Photo <Press> got access",
        "Logged in",
        "Failed login",
        "Account created",
    ]
    assert f"from {alice.address}" in page.text
    assert "Photo &lt;Press&gt;" in page.text


def test_history_is_of_one_person_alone(node: Provider) -> None:
    bob = Resident(node.application)
    assert bob.log_in("bob").status == 303
    assert happenings(bob.get(PAGE)) == ["Logged in", "Account created"]
    assert Resident(node.application).get(PAGE).status == 303


def test_what_a_deleted_app_got_is_still_told(node: Provider) -> None:
    add_user(node, "carol")
    carol = Resident(node.application)
    assert carol.log_in("carol").status == 303
    client = node.create_client("authorization_code", client_name="Short-lived", **APP)
    draw_code(carol, client, Pkce())
    node.server.clients.delete(node.server.clients.find(client.client_id).id)
    assert happenings(carol.get(PAGE))[0] == "A deleted app got access"


def test_history_is_paged(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_history, "PAGE_EVENTS", 2)
    add_user(node, "dora")
    dora = Resident(node.application)
    for _number in range(4):
        assert dora.log_in("dora").status == 303
    seen, address = [], PAGE
    while address:
        page = dora.get(address)
        seen.append(happenings(page))
        earlier = re.search(r'href="([^"]*before=\d+)"', page.text)
        address = html.unescape(earlier.group(1)) if earlier else ""
    assert seen == [["Logged in"] * 2, ["Logged in"] * 2, ["Account created"]]
    for odd in ("x", "-1", "²", "9" * 40, ""):
        assert dora.get(f"{PAGE}?before={odd}").status == 200


def test_connected_apps_say_when_each_was_last_active(node: Provider) -> None:
    add_user(node, "erin")
    erin = Resident(node.application)
    assert erin.log_in("erin").status == 303
    client = node.create_client("authorization_code", client_name="Board", **APP)
    pkce = Pkce()
    code = draw_code(erin, client, pkce)
    assert "Not recently" in erin.get("/account/apps").text
    assert redeem(node, client, code, pkce).status == 200
    page = erin.get("/account/apps").text
    assert "Not recently" not in page
    assert "Last active" in page
