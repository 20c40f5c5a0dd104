"""Whatever an operator may have to find out later is an event: who, to whom, from where, by which request (P2)."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.audited_acts import (
    ADDRESS,
    WRONG,
    Scene,
    allow,
    allow_device,
    change_client,
    change_password,
    change_profile,
    create_client,
    delete_client,
    deny_device,
    fail_to_show_factor,
    guess_user_codes,
    log_in,
    node,
    nodes,
    redeemed_device_code,
    remove_factor,
    replace_recovery_codes,
    rotate_secret,
    set_up_factor,
    set_up_factor_before,
    sign_out_everywhere,
    step_up,
    take,
    use_recovery_code,
)
from tests.support.commands import run, run_for_json, stop_client
from tests.support.device_flow import DEVICE_CODE
from tests.support.live_server import LiveServer
from tests.support.person import Answer, Person, Pkce
from tests.support.residents import PASSWORD, Resident, add_user, open_nodes, redeem
from tests.support.token_requests import Provider, open_provider
from website.audit import EVENTS

__all__ = ["node", "nodes"]

PAST = "UPDATE oauth2_event SET occurred_at = occurred_at - 100000"


# What happens on the web: each act returns its answer. Beside it what the event says: the one to whom it happened and
# who did it are the person unless it says otherwise.


def fail_to_log_in(scene: Scene) -> Answer:
    return scene.person.log_in(password=WRONG)


def fail_to_log_in_as_nobody(scene: Scene) -> Answer:
    return Resident(scene.node.application, ADDRESS).log_in(PASSWORD, password=WRONG)


def log_in_by_password_grant(scene: Scene) -> Any:
    return scene.use_password_grant(PASSWORD)


def fail_by_password_grant(scene: Scene) -> Any:
    return scene.use_password_grant(WRONG)


def step_up_with_factor(scene: Scene) -> Answer:
    set_up_factor_before(scene)
    return step_up(scene)


def recover_with_factor(scene: Scene) -> Answer:
    set_up_factor_before(scene)
    return use_recovery_code(scene)


def remove_set_up_factor(scene: Scene) -> Answer:
    set_up_factor(scene)
    return remove_factor(scene)


def make_new_codes(scene: Scene) -> Answer:
    set_up_factor(scene)
    return replace_recovery_codes(scene)


def fail_with_factor(scene: Scene) -> Answer:
    set_up_factor_before(scene)
    return fail_to_show_factor(scene)


def log_out(scene: Scene) -> Answer:
    return scene.person.log_out()


def end_other_sessions(scene: Scene) -> Answer:
    Resident(scene.node.application).log_in()
    return scene.person.submit("/account/sessions/end_others", "/account/sessions")


def export(scene: Scene) -> Answer:
    return scene.person.submit("/account/export", "/account")


def delete_account(scene: Scene) -> Answer:
    add_user(scene.node, "bob", is_operator=True)
    return scene.person.submit("/account/delete", password=PASSWORD)


def deny(scene: Scene) -> Answer:
    page = scene.person.ask(scene.client.client_id, scope="profile", **Pkce().parameters)
    return scene.person.decide(page, "no")


def take_back(scene: Scene) -> Answer:
    scene.draw_tokens()
    return scene.person.submit(f"/account/apps/{scene.client.row}/revoke", "/account/apps")


def replay_code(scene: Scene) -> Any:
    code, pkce, _tokens = scene.draw_tokens()
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    return scene.ask_token({**fields, "redirect_uri": "https://client.example/cb"})


def reuse_refresh_token(scene: Scene) -> Any:
    _code, _pkce, tokens = scene.draw_tokens()
    take(scene, take(scene, tokens["refresh_token"]).json["refresh_token"])
    return take(scene, tokens["refresh_token"])


def repeat_refresh_token(scene: Scene) -> Any:
    _code, _pkce, tokens = scene.draw_tokens()
    take(scene, tokens["refresh_token"])
    return take(scene, tokens["refresh_token"])


def use_refresh_tokens_in_two_places(scene: Scene) -> Any:
    _code, _pkce, tokens = scene.draw_tokens()
    answer, token = None, tokens["refresh_token"]
    for _ in range(5):
        successor = take(scene, token).json["refresh_token"]
        answer, token = take(scene, token), successor
    return answer


def replay_device_code(scene: Scene) -> Any:
    return scene.ask_token({"grant_type": DEVICE_CODE, "device_code": redeemed_device_code(scene)})


@dataclass(frozen=True)
class Expected:
    event: str
    status: int
    outcome: str = "success"
    actor: str = "alice"
    subject: str = "alice"
    client: str = ""


ON_THE_WEB: dict[Callable[[Scene], Any], Expected] = {
    log_in: Expected("login", 303),
    fail_to_log_in: Expected("login", 422, "failure", ""),
    fail_to_log_in_as_nobody: Expected("login", 422, "failure", "", ""),
    log_in_by_password_grant: Expected("login", 200, client="operator's"),
    fail_by_password_grant: Expected("login", 400, "failure", "", client="operator's"),
    log_out: Expected("logout", 303),
    end_other_sessions: Expected("session_ended", 303),
    sign_out_everywhere: Expected("session_ended", 303),
    change_password: Expected("password_changed", 303),
    change_profile: Expected("profile_changed", 303),
    set_up_factor: Expected("factor_added", 200),
    step_up_with_factor: Expected("login_stepped_up", 303),
    recover_with_factor: Expected("recovery_code_used", 303),
    remove_set_up_factor: Expected("factor_removed", 303),
    make_new_codes: Expected("recovery_codes_replaced", 200),
    fail_with_factor: Expected("second_factor_failed", 422, "failure", ""),
    export: Expected("account_exported", 200),
    delete_account: Expected("user_deleted", 303),
    allow: Expected("consent_granted", 303, client="operator's"),
    deny: Expected("consent_denied", 303, client="operator's"),
    take_back: Expected("consent_revoked", 303, client="operator's"),
    allow_device: Expected("device_allowed", 303, client="operator's"),
    deny_device: Expected("device_denied", 303, client="operator's"),
    guess_user_codes: Expected("user_codes_throttled", 422, "refused"),
    replay_device_code: Expected("device_code_replayed", 400, "refused", "client", client="operator's"),
    replay_code: Expected("authorization_code_replayed", 400, "refused", "client", client="operator's"),
    reuse_refresh_token: Expected("refresh_token_reused", 400, "refused", "client", client="operator's"),
    repeat_refresh_token: Expected("refresh_token_repeated", 200, "success", "client", client="operator's"),
    use_refresh_tokens_in_two_places: Expected(
        "refresh_token_in_two_places", 200, "success", "client", client="operator's"
    ),
    create_client: Expected("client_created", 200, client="any"),
    change_client: Expected("client_changed", 303, client="own"),
    rotate_secret: Expected("client_secret_rotated", 200, client="own"),
    delete_client: Expected("client_deleted", 303, client="own"),
}


@pytest.mark.parametrize("act", ON_THE_WEB, ids=lambda act: act.__name__)
def test_what_happens_on_the_web_is_an_event_with_its_circumstances(
    node: Provider, act: Callable[[Scene], Any]
) -> None:
    scene, expected = Scene.set(node), ON_THE_WEB[act]
    subject, before = scene.subject, scene.last_id()

    answer = act(scene)

    assert answer.status == expected.status
    found = [row for row in scene.new_events(before) if row.event == expected.event]
    assert found, f"no event {expected.event}"
    row = found[-1]
    names = {"alice": subject, "client": scene.client.row, "": None}
    clients = {"": None, "operator's": scene.client.row, "own": scene.own_client, "any": row.client}
    assert row.outcome == expected.outcome
    assert (row.actor or None) == names[expected.actor]
    assert row.subject == names[expected.subject]
    assert row.client == clients[expected.client]
    assert row.address == ADDRESS
    assert row.request_id == answer.headers["X-Request-Id"]
    assert [other.request_id for other in found].count(row.request_id) == 1  # once
    written = json.dumps([vars(each) for each in node.server.audit.list()], default=str)
    for secret in scene.secrets:
        assert secret not in written


def test_every_event_there_is_comes_about_and_is_tested() -> None:
    assert {expected.event for expected in ON_THE_WEB.values()} | BY_COMMAND | ELSEWHERE == set(EVENTS)


BY_COMMAND = {
    "user_created", "user_disabled", "user_enabled", "client_disabled", "client_enabled", "key_rotated",
    "keys_retired", "keys_replaced", "keys_reencrypted", "initial_access_token_created",
    "initial_access_token_deleted", "operator_appointed", "operator_dismissed", "password_link_created",
    "email_link_created",
    "client_owner_changed", "client_subjects_changed", "client_access_changed", "client_access_ended",
    "factor_requirement_changed", "factors_reset", "password_change_required",
    "client_claims_changed", "invitation_created", "invitation_revoked",
    "resource_created", "resource_changed", "resource_client_changed", "resource_deleted",
    "role_granted", "role_revoked",
    "group_created", "group_changed", "group_deleted", "group_member_added", "group_member_removed",
    "database_set_up", "database_pruned", "database_backed_up", "draining",
}  # fmt: skip


#: Below; in test_logos.py and test_changing_documents.py of tests/clients; in test_password_links.py, test_passkeys.py,
#: test_email_links.py and test_recovery_by_email.py of tests/users; and in tests/access/test_rules.py.
ELSEWHERE = {
    "invitation_used",
    "login_throttled",
    "client_logo_fetched",
    "client_logo_uploaded",
    "client_document_withdrawn",
    "client_access_refused",
    "password_link_used",
    "password_recovery_requested",
    "email_verified",
    "passkey_added",
    "passkey_asking_changed",
    "passkey_removed",
    "passkey_renamed",
    "passkey_count_regressed",
}


def test_what_a_command_does_is_an_event_of_whoever_ran_it(node: Provider, tmp_path: Path) -> None:
    scene = Scene.set(node)
    scene.draw_tokens()
    before, subject = scene.last_id(), scene.subject
    run(node, "users", "create", "bob", "--password", PASSWORD)
    run(node, "users", "set", "bob", "--operator")
    run(node, "users", "set", "bob", "--no-operator")
    run(node, "users", "reset-link", "bob")
    run(node, "users", "email-link", "bob", "--email", "bob@people.example")
    run(node, "users", "require-factor", "bob")
    run(node, "users", "reset-factors", "bob", "--yes")
    run(node, "users", "require-password-change", "bob")
    invitation = node.server.joining.invitations.create("For Ann")[0]
    node.server.joining.invitations.revoke(invitation.id)
    run(node, "clients", "set", scene.client.client_id, "--owner", "bob")
    run(node, "roles", "grant", "auditor", "bob")
    run(node, "roles", "revoke", "auditor", "bob")
    run(node, "groups", "create", "staff")
    run(node, "access", "set", scene.client.client_id, "--group", "staff")
    run(node, "access", "set", scene.client.client_id, "--everybody")
    run(node, "claims", "set", scene.client.client_id, "tenant", "--constant", "acme")
    run(node, "clients", "set-subject-type", scene.client.client_id, "pairwise", "--yes")
    run(node, "groups", "set", "staff", "--name", "crew")
    for change in ("add", "remove"):
        run(node, "groups", change, "crew", "bob")
    run(node, "groups", "delete", "crew", "--yes")
    run(node, "users", "disable", "alice", "--last-operator")
    run(node, "users", "enable", "alice")
    stop_client(node, "disable", scene.client)
    stop_client(node, "enable", scene.client)
    token = run_for_json(node, "initial-access-tokens", "create", "Ann", "--json")
    run(node, "initial-access-tokens", "delete", token["id"])
    api = "https://api.example"
    run(node, "resources", "create", api, "Photos", "--scope", "photos.read", "See your photos")
    run(node, "resources", "set", api, "--name", "Pictures")
    run(node, "resources", "allow", scene.client.client_id, api, "photos.read")
    run(node, "resources", "delete", api, "--yes")
    run(node, "keys", "rotate", "--purpose", "sealing")
    changed = {
        "OAUTH2_KEY_ENCRYPTION_KEY": node.server.settings.key_encryption_key,
        "OAUTH2_SIGNING_ALGORITHMS": ["ES256"],
    }
    with open_provider(tmp_path, node.application.config["SQLALCHEMY_DATABASE_URI"], **changed) as without_rsa:
        run(without_rsa, "keys", "rotate", "--purpose", "signing")
    run(node, "keys", "reencrypt")
    run(node, "keys", "replace", "--purpose", "signing", "--yes")
    run(node, "drain")
    run(node, "drain", "--undo")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_session SET expires_at = 1"))
        connection.execute(text("UPDATE oauth2_authorization_request SET expires_at = 1"))
        connection.execute(
            text("INSERT INTO oauth2_login_throttle VALUES ('00', 'account', 1, 1, 1)"),
        )
    run(node, "prune")
    wanted = BY_COMMAND - {"database_set_up"}
    if node.server.database.engine.dialect.name == "sqlite":
        run(node, "backup", str(tmp_path / "copy.sqlite"))
    else:
        wanted -= {"database_backed_up"}
    found = scene.new_events(before)
    assert {row.event for row in found} == wanted
    for row in found:
        assert (row.actor, row.outcome) == (f"command:{getpass.getuser()}", "success")
        assert (row.address, row.request_id) == (None, None)
    subjects = {row.event: row.subject for row in found}
    assert (subjects["user_disabled"], subjects["user_enabled"]) == (subject, subject)


def test_setting_the_database_up_is_an_event_the_first_time_only(create_application: Callable[..., Flask]) -> None:
    node = Provider(create_application())
    run(node, "initdb")
    assert [row.event for row in node.server.audit.list()] == ["database_set_up"]
    assert node.server.audit.list()[0].actor == f"command:{getpass.getuser()}"


def test_an_account_that_the_demo_makes_at_a_login_is_an_event(application: Flask) -> None:
    node = Provider(application)
    assert Person(application.test_client()).log_in("ada").status == 303
    made = node.server.audit.list(events=["user_created"])
    assert [row.detail for row in made] == [{"user": 1}]
    assert made[0].request_id


def test_the_first_wait_after_wrong_passwords_is_an_event_and_whoever_is_refused_then_writes_nothing(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 2, "OAUTH2_LOGIN_MAX_WAIT_SECONDS": 900}
    with open_nodes(request, tmp_path, "sqlite", 1, **limits) as (node,):
        add_user(node)
        assert Resident(node.application).log_in().status == 303
        subject = node.server.accounts.subjects.find("1")
        strangers = [Resident(node.application, ADDRESS) for _ in range(2)]
        answers = [stranger.log_in(password=WRONG) for stranger in strangers]
        with node.server.database.engine.begin() as connection:  # hold it longer than this test may take
            connection.execute(text("UPDATE oauth2_login_throttle SET blocked_until = blocked_until + 800"))
        before = len(node.server.audit.list())
        assert [stranger.log_in().status for stranger in strangers] == [429, 429]
        assert len(node.server.audit.list()) == before
        found = node.server.audit.list(events=["login_throttled"])
    assert [(row.outcome, row.actor or None, row.subject, row.address) for row in found] == [
        ("refused", None, subject, ADDRESS)
    ]
    assert found[0].request_id == answers[1].headers["X-Request-Id"]
    assert found[0].detail == {"by": ["account"]}


def test_one_session_ended_from_another_is_an_event(node: Provider) -> None:
    scene = Scene.set(node)
    Resident(node.application, "192.0.2.1").log_in()
    page = scene.person.get("/account/sessions")
    others = [row.id for row in node.server.sessions.list_of(scene.subject) if row.address == "192.0.2.1"]
    before = scene.last_id()
    answer = scene.person.post(f"/account/sessions/{others[0]}/end", page.hidden_fields())
    found = scene.new_events(before)
    assert [(row.event, row.subject, row.address, row.request_id) for row in found] == [
        ("session_ended", scene.subject, ADDRESS, answer.headers["X-Request-Id"])
    ]


def test_what_does_nothing_is_no_event(node: Provider) -> None:
    scene = Scene.set(node)
    before = scene.last_id()
    scene.person.submit("/account/sessions/end_others", "/account/sessions")
    scene.person.submit("/account/sessions/AAAAAAAAAAAAAAAAAAAAAA/end", "/account/sessions")
    scene.person.submit("/account/apps/AAAAAAAAAAAAAAAAAAAAAA/revoke", "/account/apps")
    scene.person.submit("/account")
    scene.person.submit("/account", email="no address")
    scene.person.submit("/account/password", password=PASSWORD, new_password="x", new_password_again="x")
    assert [row.event for row in scene.new_events(before)] == []


def test_what_a_code_used_twice_had_given_is_told_once(node: Provider) -> None:
    scene = Scene.set(node)
    replay_code(scene)
    replay_code_again = scene.last_id()
    code, pkce, _tokens = scene.draw_tokens()
    for _ in range(3):
        assert redeem(node, scene.client, code, pkce).status == 400
    events = [row.event for row in scene.new_events(replay_code_again)]
    assert events.count("authorization_code_replayed") == 1


def test_an_event_that_is_undone_is_not_told(node: Provider) -> None:
    scene = Scene.set(node)
    before = scene.last_id()
    with pytest.raises(RuntimeError), node.server.database.writing() as session:
        node.server.audit.add(session, "logout", subject=scene.subject)
        session.flush()
        raise RuntimeError
    assert scene.new_events(before) == []
    with pytest.raises(ValueError, match="No such event"):
        node.server.audit.record("made_up")


# --- flask events


def test_events_are_listed_the_latest_last_as_table_and_json(node: Provider) -> None:
    scene = Scene.set(node)
    scene.person.log_in(password=WRONG)
    table = run(node, "events").stdout.splitlines()
    assert table[0].split() == [
        "TIME", "EVENT", "OUTCOME", "ACTOR", "SUBJECT", "CLIENT", "ADDRESS", "REQUEST", "DETAIL",
    ]  # fmt: skip
    assert "failure" in table[-1]
    assert "alice" in table[-1]
    rows = [json.loads(line) for line in run(node, "events", "--json").stdout.splitlines()]
    assert [row["event"] for row in rows][-2:] == ["client_created", "login"]
    assert rows[-1]["outcome"] == "failure"
    assert rows[-1]["address"] == ADDRESS
    assert len(rows) == len(table) - 1


def test_events_are_searched_by_account_kind_and_time(node: Provider) -> None:
    scene = Scene.set(node)
    add_user(node, "bob")
    Resident(node.application).log_in("bob")

    def names(*arguments: str) -> list[str]:
        lines = run(node, "events", "--json", *arguments).stdout.splitlines()
        made = ("user_created", "operator_appointed")
        return [name for line in lines if (name := json.loads(line)["event"]) not in made]

    assert names("--user", "ALICE") == ["login", "client_created"]
    assert names("--user", "bob") == ["login"]
    assert names("--event", "client_created", "--event", "login", "--user", "alice") == ["login", "client_created"]
    assert names("--limit", "1", "--user", "alice") == ["client_created"]
    assert names("--since", "1h", "--user", "alice") == ["login", "client_created"]
    with node.server.database.engine.begin() as connection:
        connection.execute(text(PAST))
    scene.person.log_in()
    assert names("--since", "1h", "--user", "alice") == ["login"]
    assert "No such option" not in run(node, "events", "--since", "yesterday", exit_code=2).output
    assert "nobody" in run(node, "events", "--user", "nobody", exit_code=1).output
    assert "made_up" in run(node, "events", "--event", "made_up", exit_code=2).output


def test_events_are_searched_by_who_did_it_and_name_a_disabled_account(node: Provider) -> None:
    add_user(node, "bob")
    Resident(node.application).log_in("bob")
    run(node, "users", "disable", "bob")
    rows = run(node, "events", "--actor", "bob").stdout.splitlines()[1:]
    assert [row.split()[1:5] for row in rows] == [["login", "success", "bob", "bob"]]
    by_command = run(node, "events", "--user", "bob", "--actor", f"command:{getpass.getuser()}", "--json").stdout
    assert [json.loads(line)["event"] for line in by_command.splitlines()] == ["user_created", "user_disabled"]


# --- the log


def test_an_event_is_a_line_of_the_log_too(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("flask")
    person = Person(server.url)
    answer = person.log_in("ada")
    assert answer.status == 303
    lines = [json.loads(line) for line in server.log.splitlines() if '"security event"' in line]
    assert [(line["security_event"], line["outcome"]) for line in lines] == [
        ("user_created", "success"), ("login", "success"),
    ]  # fmt: skip
    assert {line["request_id"] for line in lines} == {answer.headers["X-Request-Id"]}
    assert {line["address"] for line in lines} == {"127.0.0.1"}
