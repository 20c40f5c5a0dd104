"""Joining by invitation: made by operators, opened at will, used as often as it says, until it expires."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.mail_server import LINK, open_mail_server, plain_of
from tests.support.person import Answer
from tests.support.residents import PASSWORD, Resident, add_client, add_user, logged_in, open_nodes, rows
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website import clock
from website.access.roles import RoleError
from website.standard_claims import ClaimsError

TERMS = "https://terms.example/2026-11"
SETTINGS = {"OAUTH2_JOINING": "invitation", "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 6}
TABLES = (
    "oauth2_invitation", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_login_throttle",
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **SETTINGS) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))


def path_in(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def invite(node: Provider, *options: str) -> str:
    """Return path and query of a new invitation's link."""
    made = run_for_json(node, "invitations", "create", "For Ann", *options, "--json")
    assert made["link"].startswith(node.server.settings.issuer)
    return path_in(made["link"])


def join(browser: Resident, link: str, username: str = "ann", password: str = PASSWORD, **more: str) -> Answer:
    browser.get(link)
    typed = {"token": link.partition("=")[2], "username": username, "new_password": password, **more}
    return browser.post("/join", {**browser.get("/").hidden_fields(), **typed})


def names(node: Provider) -> list[str]:
    return [name for (name,) in rows(node, "SELECT username FROM oauth2_user ORDER BY username")]


# --- by a link


def test_an_invitation_makes_an_account_that_is_logged_in_and_in_its_groups(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    run(node, "groups", "create", "crew")
    run(node, "roles", "grant", "helpdesk", "crew", "--group")
    link = invite(node, "--group", "staff", "--group", "crew")
    browser = Resident(node.application)
    assert join(browser, link).location == "/"
    assert browser.is_logged_in()
    assert run_for_json(node, "users", "show", "ann", "--json")["groups"] == ["crew", "staff"]
    used = latest_event(node, "invitation_used")
    assert used.actor == used.subject == latest_event(node, "user_created").subject
    assert Resident(node.application).log_in("ann").status == 303
    assert join(Resident(node.application), link, "bob").status == 410  # once
    assert names(node) == ["ann"]


def test_looking_at_a_link_uses_nothing_up(node: Provider) -> None:
    link = invite(node)
    for _ in range(8):
        assert Resident(node.application).get(link).status == 200
    assert join(Resident(node.application), link).status == 303


def test_a_link_for_several_counts_each(node: Provider) -> None:
    link = invite(node, "--uses", "2")
    seen = [join(Resident(node.application), link, name).status for name in ("ann", "bob", "cid")]
    assert seen == [303, 303, 410]
    assert names(node) == ["ann", "bob"]
    assert run_for_json(node, "invitations", "list", "--json") == []


def test_two_nodes_use_an_invitation_no_more_often_than_it_says(nodes: list[Provider], node: Provider) -> None:
    for attempt in range(3):
        token = node.server.joining.invitations.create("Race")[1]
        browsers = [Resident(each.application, f"203.0.113.{index}") for index, each in enumerate(nodes * 2)]
        pages = [browser.get(f"/join?token={token}").hidden_fields() for browser in browsers]

        def act(
            index: int, pages: list[dict[str, str]] = pages, browsers: list[Resident] = browsers, attempt: int = attempt
        ) -> int:
            typed = {"username": f"racer {attempt} {index}", "new_password": PASSWORD}
            return browsers[index].post("/join", {**pages[index], **typed}).status

        statuses = sorted(at_once(len(browsers), act))
        assert statuses == [303, 410, 410, 410]
    assert len(names(node)) == 3


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        ("", PASSWORD, "Enter a username."),
        ("alice", PASSWORD, "That username is taken."),
        ("ALICE", PASSWORD, "That username is taken."),
        ("\u0430lice", PASSWORD, "mixes scripts"),
        ("ceo@people.example", PASSWORD, "Choose a username without @."),
        ("ceo\uff20people.example", PASSWORD, "Choose a username without @."),
        ("Prize https://evil.example/win", PASSWORD, "read as a URL"),
        ("www.evil.example", PASSWORD, "read as a URL"),
        ("Admin", PASSWORD, "reserved"),
        ("no-reply", PASSWORD, "reserved"),
        ("Grantwright", PASSWORD, "reserved"),
        ("\u00e1dm\u0131n", PASSWORD, "reserved"),
        ("\u0251dmin", PASSWORD, "reserved"),
        ("R00t", PASSWORD, "reserved"),
        ("alice\u034f", PASSWORD, "invisible characters"),
        ("\u2800", PASSWORD, "invisible characters"),
        ("ann", "short", "Use at least 8 characters."),
        ("ann", "password1", "many people use"),
    ],
)
def test_what_is_refused_uses_nothing_up(node: Provider, username: str, password: str, reason: str) -> None:
    add_user(node, "alice")
    link, browser = invite(node), Resident(node.application)
    refused = join(browser, link, username, password)
    assert refused.status == 422
    assert reason in unescape(refused.text)
    assert names(node) == ["alice"]
    assert join(browser, link).status == 303


def test_what_does_not_work_says_so_alike(node: Provider) -> None:
    revoked, expired = invite(node), invite(node, "--days", "1")
    node.server.joining.invitations.revoke(node.server.joining.invitations.find(revoked.partition("=")[2]).id)
    now = node.server.joining.invitations.find(expired.partition("=")[2]).expires_at
    pages = [Resident(node.application).get(revoked), Resident(node.application).get("/join?token=gwin_unknown")]
    with time_machine.travel(now + 1, tick=False):
        pages.append(Resident(node.application).get(expired))
    pages.append(Resident(node.application).get("/join"))
    assert {page.status for page in pages} == {410}
    assert len({page.text.partition("<main")[2].partition("</main>")[0] for page in pages}) == 1


@pytest.mark.usefixtures("stopped_clock")
def test_guessing_names_is_slowed_down(node: Provider) -> None:
    add_user(node, "alice")
    link, browser = invite(node), Resident(node.application)
    fields = browser.get(link).hidden_fields()
    typed = {**fields, "username": "alice", "new_password": PASSWORD}
    statuses = [browser.post("/join", typed).status for _ in range(8)]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert Resident(node.application, "198.51.100.9").get(link).status == 200


def test_the_token_is_kept_nowhere(node: Provider) -> None:
    link = invite(node)
    token = link.partition("=")[2]
    assert token.startswith("gwin_")
    assert Resident(node.application).get(link).headers["Referrer-Policy"] == "strict-origin"
    kept = str(rows(node, "SELECT * FROM oauth2_invitation")) + str(rows(node, "SELECT detail FROM oauth2_event"))
    assert token not in kept


def test_a_deleted_group_takes_nothing_else_along(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    link = invite(node, "--group", "staff")
    run(node, "groups", "delete", "staff", "--yes")
    assert join(Resident(node.application), link).status == 303


def test_expired_invitations_are_pruned(node: Provider) -> None:
    invite(node)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_invitation SET expires_at = 1"))
    run(node, "prune")
    assert rows(node, "SELECT count(*) FROM oauth2_invitation") == [(0,)]


def test_nobody_takes_the_name_that_an_operator_assigned_to_somebody_else(
    nodes: list[Provider], node: Provider
) -> None:
    """Applications may know people by it."""
    alice = add_user(node, "alice")
    run(node, "users", "set", "alice", "--preferred-username", "J.Doe")
    link, browser = invite(node), Resident(node.application)
    refused = join(browser, link, "j.doe")
    assert refused.status == 422
    assert "That username is taken." in refused.text
    assert join(browser, link).status == 303
    for attempt in range(3):
        name, token = f"racer {attempt}", node.server.joining.invitations.create("Race")[1]
        newcomer = Resident(nodes[-1].application)
        page = {**newcomer.get(f"/join?token={token}").hidden_fields(), "username": name, "new_password": PASSWORD}

        def act(index: int, page: dict[str, str] = page, newcomer: Resident = newcomer, name: str = name) -> bool:
            if index:
                return newcomer.post("/join", page).status == 303
            try:
                node.server.users.set_claims(alice, {"preferred_username": name})
            except ClaimsError:
                return False
            return True

        assert sorted(at_once(2, act)) == [False, True]


def test_nobody_takes_a_name_that_reads_as_an_operators(node: Provider) -> None:
    operator = add_user(node, "oscar", is_operator=True)
    node.server.users.set_claims(operator, {"preferred_username": "Oscar M."})
    add_user(node, "alice")
    link, browser = invite(node), Resident(node.application)
    for name in ("0scar", "osc\u0251r", "os-car", "\u00f3sc\u00e2r", "oscarm"):
        refused = join(browser, link, name)
        assert (refused.status, "That username is taken." in refused.text) == (422, True)
    assert join(Resident(node.application, "198.51.100.9"), link, "\u00e1lice").status == 303  # alice isn't one


# --- the operators' page


def test_operators_invite_on_a_page(node: Provider) -> None:
    add_user(node, is_operator=True)
    run(node, "groups", "create", "staff")
    run(node, "groups", "create", "crew")
    operator = logged_in(node, "alice")
    assert 'name="groups" value="crew"' in operator.get("/invitations").text
    typed = {"note": "For Ann", "groups": ["staff", "crew"], "uses": "1", "days": "7"}
    made = operator.submit("/invitations", **typed)
    assert made.status == 200
    assert made.headers["Cache-Control"] == "no-store"
    link = re.search(r"https://[^<\"]+/join\?token=[\w-]+", made.text).group()
    listed = operator.get("/invitations")
    assert "For Ann" in listed.text
    assert "0 of 1" in listed.text
    assert "crew, staff" in listed.text
    assert link.partition("token=")[2] not in listed.text
    assert join(Resident(node.application), path_in(link)).status == 303
    assert latest_event(node, "invitation_created").actor == node.server.users.subject_of_name("alice")


def test_operators_revoke_on_a_page(node: Provider) -> None:
    add_user(node, is_operator=True)
    operator, link = logged_in(node, "alice"), invite(node)
    [row] = run_for_json(node, "invitations", "list", "--json")
    assert operator.submit(f"/invitations/{row['id']}/revoke", "/invitations").status == 303
    assert Resident(node.application).get(link).status == 410


@pytest.mark.parametrize(
    ("field", "value"),
    [("note", ""), ("note", "x" * 201), ("uses", "0"), ("uses", "1001"), ("days", "x"), ("groups", "nobody")],
)
def test_a_wrong_field_creates_nothing(node: Provider, field: str, value: str) -> None:
    add_user(node, is_operator=True)
    operator = logged_in(node, "alice")
    typed = {"note": "For Ann", "groups": "", "uses": "1", "days": "7", field: value}
    assert operator.submit("/invitations", **typed).status == 422
    assert rows(node, "SELECT count(*) FROM oauth2_invitation") == [(0,)]


def test_others_see_no_invitations(node: Provider) -> None:
    add_user(node)
    assert logged_in(node, "alice").get("/invitations").status == 404
    assert Resident(node.application).get("/invitations").status == 303


def test_a_group_that_gives_rights_needs_a_login_of_the_last_ten_minutes(node: Provider) -> None:
    add_user(node, "alice", is_operator=True)
    for name in ("desk", "press", "mapped", "staff"):
        run(node, "groups", "create", name)
    run(node, "roles", "grant", "helpdesk", "--group", "desk")
    run(node, "access", "set", add_client(node).client_id, "--group", "press")
    run(node, "claims", "set", add_client(node).client_id, "level", "--group", "mapped=admin")
    operator = logged_in(node, "alice")
    typed = {"note": "For Ann", "uses": "1", "days": "7"}
    with time_machine.travel(clock.now() + 700, tick=True):
        assert operator.submit("/invitations", **typed, groups="staff").status == 200
        for group in ("desk", "press", "mapped", "staff desk"):
            refused = operator.submit("/invitations", **typed, groups=group)
            assert (refused.status, 'name="password"' in refused.text) == (422, True), group
            ticked = re.findall(r'name="groups" value="([^"]+)" checked', refused.text)
            assert sorted(ticked) == sorted(group.split())
        assert operator.submit("/invitations", **typed, groups="desk", password="wrong").status == 422
        assert rows(node, "SELECT count(*) FROM oauth2_invitation") == [(1,)]
        assert operator.submit("/invitations", **typed, groups="desk", password=PASSWORD).status == 200
        assert ">helpdesk<" in operator.get("/invitations").text
        with node.server.database.engine.begin() as connection:
            connection.execute(text("UPDATE oauth2_user SET password_hash = NULL"))
        assert operator.submit("/invitations", **typed, groups="desk").location.startswith("/?next=/invitations")


# --- who created it, and for what


@pytest.mark.parametrize(
    "act",
    [
        ("disable", "olga"),
        ("set", "olga", "--no-operator"),
        ("delete", "olga", "--yes"),
    ],
)
def test_an_invitation_ends_when_its_maker_may_no_longer_invite(node: Provider, act: tuple[str, ...]) -> None:
    add_user(node, "alice", is_operator=True)
    add_user(node, "olga", is_operator=True)
    alice, olga = (node.server.users.subject_of_name(name) for name in ("alice", "olga"))
    links = [invite(node), *(f"/join?token={make(node, subject)}" for subject in (alice, olga))]
    assert [each["by"] for each in run_for_json(node, "invitations", "list", "--json")].count("olga") == 1
    run(node, "users", *act)
    assert [Resident(node.application).get(link).status for link in links] == [200, 200, 410]
    with pytest.raises(RoleError):
        make(node, olga)
    if act[0] == "disable":
        run(node, "users", "enable", "olga")
        assert Resident(node.application).get(links[2]).status == 410
        assert latest_event(node, "invitation_revoked").detail["note"] == "For Ann"


def make(node: Provider, subject: str) -> str:
    return node.server.joining.invitations.create("For Ann", by=subject)[1]


def test_an_invitation_into_a_group_ends_when_the_group_gets_a_role(node: Provider) -> None:
    for name in ("desk", "staff"):
        run(node, "groups", "create", name)
    links = [invite(node, "--group", name) for name in ("desk", "staff")]
    run(node, "roles", "grant", "helpdesk", "--group", "desk")
    assert [Resident(node.application).get(link).status for link in links] == [410, 200]
    assert join(Resident(node.application), invite(node, "--group", "desk")).status == 303
    roles = node.server.access.roles
    assert roles.of(node.server.users.find_row("ann").id, is_operator=False) == {"helpdesk"}


def test_an_invitation_into_a_group_ends_when_the_group_opens_a_client_or_gives_a_claim(node: Provider) -> None:
    client = add_client(node).client_id
    for name in ("press", "mapped", "staff"):
        run(node, "groups", "create", name)

    def ended_by(*command: str) -> list[str]:
        links = {name: invite(node, "--group", name) for name in ("press", "mapped", "staff")}
        run(node, *command)
        return [name for name, link in links.items() if Resident(node.application).get(link).status == 410]

    assert ended_by("access", "set", client, "--group", "press") == ["press"]
    assert ended_by("access", "set", client, "--group", "press", "--group", "staff") == ["staff"]
    assert ended_by("claims", "set", client, "level", "--group", "mapped=user") == ["mapped"]
    assert ended_by("claims", "set", client, "level", "--group", "mapped=admin") == ["mapped"]
    assert ended_by("claims", "set", client, "level", "--group", "mapped=admin") == []
    assert ended_by("access", "set", client, "--everybody") == []


def test_joining_while_the_group_gets_a_role_ends_well(nodes: list[Provider], node: Provider) -> None:
    for attempt in range(3):
        run(node, "groups", "create", f"desk{attempt}")
        link = invite(node, "--group", f"desk{attempt}")
        group, browser = node.server.access.groups.find(f"desk{attempt}"), Resident(nodes[1].application)
        typed = {**browser.get(link).hidden_fields(), "username": f"ann {attempt}", "new_password": PASSWORD}
        acts = (
            partial(node.server.access.roles.grant_to_group, group.id, "helpdesk"),
            partial(browser.post, "/join", typed),
        )
        is_granted, answer = at_once(2, lambda index, acts=acts: acts[index]())
        assert (is_granted, answer.status) in ((True, 303), (True, 410))


# --- by email


def test_an_email_brings_the_link_and_verifies_the_address(tmp_path: Path, database_uri: str) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        given = {**PRODUCTION, **mail.settings, **SETTINGS, "OAUTH2_SENDS_NOTICES": False, "OAUTH2_TERMS_URL": TERMS}
        with open_provider(tmp_path, database_uri, **given) as node:
            run(node, "invitations", "create", "For Ann", "--email", "ann@people.example")
            assert rows(node, "SELECT token_hash FROM oauth2_invitation") == [(None,)]
            node.server.mail.sender.run_once()
            [message] = mail.messages
            assert message["To"] == "ann@people.example"
            link = path_in(next(found for found in LINK.findall(plain_of(message)) if "/join" in found))
            browser = Resident(node.application)
            page = join(browser, link, "bob@people.example", "short")
            assert page.status == 422
            for problem in ("without @", "at least 8 characters", "Accept the terms"):  # all at once
                assert problem in page.text
            assert "without @, or ann@people.example" in join(browser, link, "bob@people.example", terms="yes").text
            for other in ("\uff41nn@people.example", "\u24d0nn@people.example"):  # what others have as their address
                assert "without @, or ann@" in join(browser, link, other, terms="yes").text
            assert join(browser, link, "Ann@People.example", terms="yes").status == 303
            shown = run_for_json(node, "users", "show", "ann@people.example", "--json")
            assert (shown["username"], shown["email"], shown["email_verified"]) == (
                "Ann@People.example",
                "ann@people.example",
                True,
            )
            assert latest_event(node, "invitation_used").detail["terms"] == TERMS
            [(accepted_at,)] = rows(node, "SELECT terms_accepted_at FROM oauth2_user")
            assert accepted_at
            assert Resident(node.application).log_in("ann@people.example").status == 303


def test_an_email_names_the_operator_who_invites(tmp_path: Path, database_uri: str) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        given = {**PRODUCTION, **mail.settings, **SETTINGS, "OAUTH2_SENDS_NOTICES": False}
        with open_provider(tmp_path, database_uri, **given) as node:
            operator = add_user(node, "oscar", is_operator=True)
            maker = node.server.users.subject_of_name("oscar")
            for name in (None, "Oscar <i>Wilde</i>"):
                node.server.users.set_claims(operator, {"name": name} if name else {})
                node.server.joining.invitations.send("For Ann", "ann@people.example", by=maker)
                node.server.mail.sender.run_once()
            first, second = mail.messages
            assert "oscar invites you to" in plain_of(first)
            assert "If you don't know oscar, you can ignore" in plain_of(first)
            assert "Oscar <i>Wilde</i> invites you to" in plain_of(second)
            html = second.get_body(("html",)).get_content()
            assert "Oscar &lt;i&gt;Wilde&lt;/i&gt; invites you to" in html


def test_a_revoked_invitation_is_not_sent(tmp_path: Path, sqlite_uri: str) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        given = {**PRODUCTION, **mail.settings, **SETTINGS, "OAUTH2_SENDS_NOTICES": False}
        with open_provider(tmp_path, sqlite_uri, **given) as node:
            row = node.server.joining.invitations.send("For Ann", "ann@people.example")
            node.server.joining.invitations.revoke(row.id)
            node.server.mail.sender.run_once()
            assert mail.messages == []


# --- where there are none


def test_nobody_joins_where_it_is_closed(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        assert Resident(node.application).get("/join").status == 404
        assert Resident(node.application).get("/invitations").status == 404
        refused = run(node, "invitations", "create", "For Ann", exit_code=1)
        assert "OAUTH2_JOINING is closed" in refused.output


def test_the_demo_needs_no_invitations(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, OAUTH2_JOINING="invitation") as node:
        assert node.application.test_client().get("/join").status_code == 404
        assert "any username" in run(node, "invitations", "list", exit_code=1).output
