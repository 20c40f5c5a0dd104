"""A security event stands in the transaction of the change that it tells of: there are both, or neither.

The database itself refuses the event, by a trigger, after the change was written: then nothing of the change is left.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support import passkeys
from tests.support.audited_acts import (
    NEW_PASSWORD,
    Scene,
    allow,
    change_client,
    change_password,
    change_profile,
    create_client,
    delete_client,
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
    start_and_enter_device,
    take,
    use_recovery_code,
)
from tests.support.device_flow import decide, enter, poll
from tests.support.live_server import REPOSITORY
from tests.support.pictures import png
from tests.support.residents import PASSWORD, add_user, redeem
from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.token_requests import Provider, open_provider
from website.audit import EVENTS
from website.clients.client_events import ITSELF
from website.grants.user_code_guesses import ACCOUNT, LIMITS
from website.joining import Newcomer
from website.models.base import Base
from website.models.client_document import ClientDocument
from website.models.passkey import Passkey
from website.resources import ResourceScope
from website.sessions import CurrentLoginSession
from website.sessions.assurance import Proof
from website.users.passkey_verification import PasskeyError

__all__ = ["node", "nodes"]

REFUSAL, API = "no event today", "https://api.example"
#: What is written beside the change, in transactions of its own: by a request the answered consent page and the counted
#: login, and once a minute what clients did.
BESIDE = {"oauth2_authorization_request", "oauth2_login_throttle", "oauth2_client_activity"}
FAULTS = {
    "sqlite": (
        "CREATE TRIGGER fault AFTER INSERT ON oauth2_event WHEN NEW.event = '{event}'"
        f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
        "DROP TRIGGER fault",
    ),
    "postgresql": (
        f"CREATE FUNCTION fault() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$ LANGUAGE plpgsql;"
        " CREATE TRIGGER fault AFTER INSERT ON oauth2_event FOR EACH ROW WHEN (NEW.event = '{event}')"
        " EXECUTE FUNCTION fault()",
        "DROP TRIGGER fault ON oauth2_event; DROP FUNCTION fault()",
    ),
}


@contextmanager
def event_refused(node: Provider, event: str) -> Iterator[None]:
    """Have the database refuse every event of this name."""
    engine = node.server.database.engine
    begin, end = FAULTS[engine.dialect.name]
    with engine.begin() as connection:
        connection.execute(text(begin.replace("{event}", event)))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(end))


def read_tables(node: Provider) -> dict[str, list[str]]:
    with node.server.database.engine.connect() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for table in Base.metadata.sorted_tables
            if table.name not in BESIDE
        }


def command(*arguments: str) -> Callable[[Scene, Any], Any]:
    """Return the act of running a command; ``CLIENT`` stands for the client_id of the operator's client."""

    def act(scene: Scene, _prepared: Any) -> Any:
        names = [scene.client.client_id if argument == "CLIENT" else argument for argument in arguments]
        result = scene.node.application.test_cli_runner().invoke(args=names)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return act


@dataclass(frozen=True)
class Change:
    """Something that changes the database and is an event, with what has to be there before."""

    act: Callable[[Scene, Any], Any]
    prepare: Callable[[Scene], Any] = lambda _scene: None


def on_page(act: Callable[[Scene], Any]) -> Change:
    return Change(lambda scene, _prepared: act(scene))


def current_login(scene: Scene) -> CurrentLoginSession:
    row = scene.node.server.sessions.list_of(scene.subject)[0]
    return CurrentLoginSession(row.id, row.subject, "", row.auth_time, row.token_hash)


def alice_of(scene: Scene) -> int:
    return int(scene.node.server.users.find_row("alice").id)


def verified_address(scene: Scene) -> None:
    claims = {"email": "alice@people.example"}, {"email_verified": True}
    scene.node.server.users.set_claims(alice_of(scene), *claims)


def bob(scene: Scene) -> int:
    return add_user(scene.node, "bob")


def disabled_account(scene: Scene) -> None:
    scene.node.server.users.disable(scene.node.server.users.find_row("alice").id, may_be_last=True)


def disabled_client(scene: Scene) -> None:
    scene.node.server.clients.set_disabled(scene.client.row, True)


def client_with_logo(scene: Scene) -> Any:
    # Loopback is no public address: the fetch fails at once, and that is kept.
    scene.node.server.clients.update(scene.client.row, {"logo_uri": "https://127.0.0.1/logo.png"})
    return scene.node.server.clients.find_row(scene.client.row)


def client_with_document(scene: Scene) -> Any:
    document = ClientDocument(client=scene.client.row, fetched_at=0, fresh_until=0, content="{}")
    with scene.node.server.database.writing() as session:
        session.add(document)
    return scene.node.server.clients.find_row(scene.client.row)


def api(scene: Scene) -> None:
    scene.node.server.resources.create(API, "Photos", [ResourceScope("photos.read", "See your photos")])


def group(scene: Scene) -> None:
    scene.node.server.access.groups.create("staff")


def tokens_and_group(scene: Scene) -> None:
    scene.draw_tokens()
    group(scene)


def group_of_auditors(scene: Scene) -> None:
    access = scene.node.server.access
    access.roles.grant_to_group(access.groups.create("staff").id, "auditor")


def group_with_alice(scene: Scene) -> None:
    groups, alice = scene.node.server.access.groups, scene.node.server.users.find_row("alice")
    groups.add_members(groups.create("staff").id, [alice.id])


def spent_token(scene: Scene) -> str:
    token = str(scene.draw_tokens()[2]["refresh_token"])
    take(scene, token)
    return token


def token_spent_long_ago(scene: Scene) -> str:
    token = str(scene.draw_tokens()[2]["refresh_token"])
    take(scene, str(take(scene, token).json["refresh_token"]))
    return token


def token_spent_for_the_fifth_time(scene: Scene) -> str:
    token = str(scene.draw_tokens()[2]["refresh_token"])
    for _ in range(4):
        successor = take(scene, token).json["refresh_token"]
        take(scene, token)
        token = successor
    take(scene, token)
    return token


def one_guess_less(scene: Scene) -> None:
    for _ in range(LIMITS[ACCOUNT] - 1):
        enter(scene.person, "BBBB-BBBB")


def add_passkey(scene: Scene, _prepared: Any) -> Passkey:
    return passkeys.add(scene.node, SoftwareAuthenticator())


def used_passkey(scene: Scene) -> SoftwareAuthenticator:
    authenticator = SoftwareAuthenticator()
    passkeys.add(scene.node, authenticator)
    passkeys.log_in(scene.node, authenticator, sign_count=7)
    return authenticator


def session_with_passkey(scene: Scene) -> str:
    add_passkey(scene, None)
    with scene.node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_session SET acr = '2'"))  # as if the passkey had been shown
    return str(scene.node.server.sessions.list_of(scene.subject)[0].id)


def use_copied_passkey(scene: Scene, authenticator: SoftwareAuthenticator) -> Any:
    with suppress(PasskeyError):
        return passkeys.log_in(scene.node, authenticator, sign_count=3)


def missing_key(scene: Scene) -> None:
    with scene.node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_key WHERE purpose = 'sealing' AND slot = 'next'"))


def secret_kept(scene: Scene) -> None:
    scene.node.create_client("client_credentials", token_endpoint_auth_method="client_secret_jwt")


def retire_keys(scene: Scene, folder: Path) -> None:
    """Rotate the signing keys where RS256 is not among the algorithms any more."""
    node = scene.node
    changed = {
        "OAUTH2_KEY_ENCRYPTION_KEY": node.server.settings.key_encryption_key,
        "OAUTH2_SIGNING_ALGORITHMS": ["ES256"],
    }
    with open_provider(folder, node.application.config["SQLALCHEMY_DATABASE_URI"], **changed) as without_rsa:
        without_rsa.server.keys.rotate("signing", 60)


CHANGES: dict[str, Change] = {
    "login": on_page(log_in),
    "logout": Change(
        lambda scene, session: scene.node.server.sessions.end_for_client(session, scene.subject, scene.client.row),
        lambda scene: scene.node.server.sessions.list_of(scene.subject)[0].id,
    ),
    "session_ended": on_page(sign_out_everywhere),
    "password_changed": on_page(change_password),
    "password_change_required": Change(command("users", "require-password-change", "alice")),
    "password_link_created": Change(command("users", "reset-link", "alice")),
    "password_link_used": Change(
        lambda scene, token: scene.node.server.accounts.password_links.use(token, NEW_PASSWORD),
        lambda scene: scene.node.server.accounts.password_links.create(scene.node.server.users.find_row("alice").id),
    ),
    "password_recovery_requested": Change(
        lambda scene, _prepared: scene.node.server.accounts.password_recovery.request("alice"), verified_address
    ),
    "email_link_created": Change(command("users", "email-link", "alice"), verified_address),
    "email_verified": Change(
        lambda scene, token: scene.node.server.accounts.email_links.use(token),
        lambda scene: scene.node.server.accounts.email_links.create(alice_of(scene), "alice@new.example"),
    ),
    "invitation_created": Change(lambda scene, _prepared: scene.node.server.joining.invitations.create("For Ann")),
    "invitation_revoked": Change(
        lambda scene, invitation: scene.node.server.joining.invitations.revoke(invitation.id),
        lambda scene: scene.node.server.joining.invitations.create("For Ann")[0],
    ),
    "invitation_used": Change(
        lambda scene, token: scene.node.server.joining.newcomers.join(token, Newcomer("ann", NEW_PASSWORD, True)),
        lambda scene: scene.node.server.joining.invitations.create("For Ann")[1],
    ),
    "passkey_added": Change(add_passkey),
    "passkey_renamed": Change(
        lambda scene, passkey: scene.node.server.accounts.passkeys.rename(passkey.user_id, passkey.id, "Old"),
        lambda scene: add_passkey(scene, None),
    ),
    "passkey_removed": Change(
        lambda scene, passkey: passkeys.remove(scene.node, passkey),
        lambda scene: add_passkey(scene, None),
    ),
    "passkey_asking_changed": Change(
        lambda scene, login: scene.node.server.accounts.second_factors.set_passkeys_asked(
            passkeys.account_of(scene.node), login, True
        ),
        session_with_passkey,
    ),
    "passkey_count_regressed": Change(use_copied_passkey, used_passkey),
    "factor_added": on_page(set_up_factor),
    "login_stepped_up": Change(
        lambda scene, login: scene.node.server.sessions.step_up(login, Proof(login.auth_time, "2", ("pwd", "otp"))),
        current_login,
    ),
    "factor_removed": Change(lambda scene, _prepared: remove_factor(scene), set_up_factor),
    "factors_reset": Change(command("users", "reset-factors", "alice", "--yes"), set_up_factor),
    "factor_requirement_changed": Change(command("users", "require-factor", "alice")),
    "recovery_codes_replaced": Change(lambda scene, _prepared: replace_recovery_codes(scene), set_up_factor),
    "recovery_code_used": Change(lambda scene, _prepared: use_recovery_code(scene), set_up_factor_before),
    "profile_changed": on_page(change_profile),
    "consent_granted": on_page(allow),
    "consent_revoked": Change(
        lambda scene, _prepared: scene.person.submit(f"/account/apps/{scene.client.row}/revoke", "/account/apps"),
        Scene.draw_tokens,
    ),
    "authorization_code_replayed": Change(
        lambda scene, drawn: redeem(scene.node, scene.client, drawn[0], drawn[1]), Scene.draw_tokens
    ),
    "device_allowed": Change(lambda scene, codes: decide(scene.person, codes["user_code"]), start_and_enter_device),
    "device_denied": Change(
        lambda scene, codes: decide(scene.person, codes["user_code"], "no"), start_and_enter_device
    ),
    "user_codes_throttled": Change(lambda scene, _prepared: enter(scene.person, "BBBB-BBBB"), one_guess_less),
    "device_code_replayed": Change(
        lambda scene, device_code: poll(scene.node, scene.client, device_code), redeemed_device_code
    ),
    "refresh_token_reused": Change(take, token_spent_long_ago),
    "refresh_token_repeated": Change(take, spent_token),
    "refresh_token_in_two_places": Change(take, token_spent_for_the_fifth_time),
    "client_created": on_page(create_client),
    "client_changed": on_page(change_client),
    "client_logo_fetched": Change(
        lambda scene, client: scene.node.server.clients.logos.fetch(client), client_with_logo
    ),
    "client_logo_uploaded": Change(
        lambda scene, client: scene.node.server.clients.logos.upload(client, png()), client_with_logo
    ),
    "client_document_withdrawn": Change(
        lambda scene, client: scene.node.server.clients.documents._withdraw(client, "gone"),
        client_with_document,
    ),
    "client_owner_changed": Change(command("clients", "set", "CLIENT", "--owner", "bob"), bob),
    "client_subjects_changed": Change(command("clients", "set-subject-type", "CLIENT", "pairwise", "--yes")),
    "client_access_changed": Change(command("access", "set", "CLIENT", "--factor", "2")),
    "client_claims_changed": Change(command("claims", "set", "CLIENT", "tenant", "--constant", "acme")),
    "client_access_ended": Change(command("access", "set", "CLIENT", "--group", "staff"), tokens_and_group),
    "client_secret_rotated": on_page(rotate_secret),
    "client_disabled": Change(command("clients", "disable", "CLIENT")),
    "client_enabled": Change(command("clients", "enable", "CLIENT"), disabled_client),
    "client_deleted": on_page(delete_client),
    "resource_created": Change(command("resources", "create", API, "Photos")),
    "resource_changed": Change(command("resources", "set", API, "--name", "Pictures"), api),
    "resource_client_changed": Change(command("resources", "allow", "CLIENT", API, "photos.read"), api),
    "resource_deleted": Change(command("resources", "delete", API, "--yes"), api),
    "initial_access_token_created": Change(command("initial-access-tokens", "create", "Ann")),
    "initial_access_token_deleted": Change(
        lambda scene, row_id: scene.node.server.clients.initial_access_tokens.delete(row_id),
        lambda scene: scene.node.server.clients.initial_access_tokens.create("Ann", 1, 60)[0].id,
    ),
    "user_created": Change(command("users", "create", "carol", "--password", PASSWORD)),
    "user_disabled": Change(command("users", "disable", "alice", "--last-operator")),
    "user_enabled": Change(command("users", "enable", "alice"), disabled_account),
    "operator_appointed": Change(command("users", "set", "bob", "--operator"), bob),
    "operator_dismissed": Change(command("users", "set", "alice", "--no-operator", "--last-operator")),
    "role_granted": Change(command("roles", "grant", "auditor", "bob"), bob),
    "role_revoked": Change(command("roles", "revoke", "auditor", "staff", "--group"), group_of_auditors),
    "group_created": Change(command("groups", "create", "staff")),
    "group_changed": Change(command("groups", "set", "staff", "--label", "All staff"), group),
    "group_deleted": Change(command("groups", "delete", "staff", "--yes"), group_with_alice),
    "group_member_added": Change(command("groups", "add", "staff", "alice"), group),
    "group_member_removed": Change(command("groups", "remove", "staff", "alice"), group_with_alice),
    "user_deleted": Change(
        lambda scene, user_id: scene.node.server.users.delete(user_id, ends_clients=True, may_be_last=True),
        lambda scene: scene.node.server.users.find_row("alice").id,
    ),
    "key_rotated": Change(command("keys", "rotate", "--purpose", "sealing")),
    "keys_replaced": Change(command("keys", "replace", "--purpose", "sealing", "--yes")),
    "keys_reencrypted": Change(command("keys", "reencrypt")),
    "database_set_up": Change(lambda scene, _prepared: scene.node.server.keys.create_missing(), missing_key),
}
#: Those that tell of no change of the database, or of one that many transactions made: who records them, and why.
WITHOUT_A_CHANGE = {
    "login_throttled": "users/password_login.py",  # the try is counted before its password is looked at
    "second_factor_failed": "users/second_factors.py",  # as login_throttled
    "account_exported": "users/export.py",
    "consent_denied": "grants/consents.py",
    "client_access_refused": "oauth2/authorization_flow.py",
    "database_pruned": "cli/prune.py",  # the sum of many transactions, each of which deletes only what has expired
    "database_backed_up": "cli/backup.py",
    "draining": "cli/drain.py",
}
#: Names that are recorded alone too: a failed login, a yes that is not remembered, tables without new keys.
ALSO_ALONE = {
    ("login", "users/password_login.py"),
    ("login", "users/passkey_login.py"),
    ("consent_granted", "grants/consents.py"),
    ("database_set_up", "cli/database.py"),
}


def attempt(act: Callable[[], Any]) -> None:
    """Do what the database refuses. Some of it takes any refusal for a name that is taken, so no more is looked at."""
    outcome = None
    with suppress(Exception):
        outcome = act()
    assert outcome is None or getattr(outcome, "exit_code", 0) or getattr(outcome, "status", 0) >= 400


@pytest.mark.parametrize("event", CHANGES)
def test_where_the_event_cannot_be_written_nothing_is_changed(node: Provider, event: str) -> None:
    scene, change = Scene.set(node), CHANGES[event]
    prepared = change.prepare(scene)
    before = read_tables(node)

    with event_refused(node, event):
        attempt(lambda: change.act(scene, prepared))

    assert read_tables(node) == before
    node.server.cache_invalidation.forget()
    change.act(scene, prepared)
    after = read_tables(node)
    assert {name for name in after if after[name] != before[name]} - {"oauth2_event", "oauth2_change"}
    assert event in {row.event for row in node.server.audit.list()}


def test_where_the_retirement_of_keys_cannot_be_recorded_none_is_rotated(node: Provider, tmp_path: Path) -> None:
    scene = Scene.set(node)
    before = read_tables(node)
    with event_refused(node, "keys_retired"), pytest.raises(Exception, match=REFUSAL):
        retire_keys(scene, tmp_path)
    assert read_tables(node) == before


def test_where_the_renewed_encryption_of_secrets_cannot_be_recorded_they_stay_as_they_are(node: Provider) -> None:
    secret_kept(Scene.set(node))
    before = read_tables(node)
    with event_refused(node, "keys_reencrypted"), pytest.raises(Exception, match=REFUSAL):
        node.server.clients.reencrypt_secrets()
    assert read_tables(node) == before
    assert node.server.clients.reencrypt_secrets() == 1


def test_a_client_that_cannot_be_recorded_as_registered_or_replaced_by_itself_is_not(node: Provider) -> None:
    scene, clients = Scene.set(node), node.server.clients
    metadata = {**clients.find_row(scene.client.row).metadata, "client_name": "Other"}
    acts: dict[str, Callable[[], Any]] = {
        "client_created": lambda: clients.create(metadata, None, by=ITSELF, registration_token_hash="0" * 64),
        "client_changed": lambda: clients.replace_metadata(clients.find_row(scene.client.row), metadata, by=ITSELF),
        "client_deleted": lambda: clients.delete(scene.client.row, by=ITSELF),
    }
    before = read_tables(node)
    for event, act in acts.items():
        with event_refused(node, event):
            attempt(act)
        assert read_tables(node) == before


def test_every_event_is_written_with_its_change_or_tells_of_none() -> None:
    assert {*CHANGES, "keys_retired", *WITHOUT_A_CHANGE} == set(EVENTS)
    assert CHANGES.keys().isdisjoint(WITHOUT_A_CHANGE)


def test_only_what_changes_nothing_is_recorded_in_a_transaction_of_its_own() -> None:
    """``Audit.record`` opens a transaction: whoever calls it tells of something that no other one has written."""
    allowed = {*WITHOUT_A_CHANGE.items(), *ALSO_ALONE}
    package, found = REPOSITORY / "website", set()
    for path in package.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "record"):
                continue
            if ast.unparse(call.func.value).rpartition(".")[2] in ("audit", "_audit"):
                name, file = call.args[0], path.relative_to(package).as_posix()
                assert not isinstance(name, ast.Constant) or (name.value, file) in allowed
                found.add(file)
    assert found == {file for _event, file in allowed}
