"""The pages of people, groups and events in production: who sees them, what they do, and what asks for a password."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape

import pytest
import time_machine
from sqlalchemy import text

from tests.support.commands import latest_event, run, run_for_json
from tests.support.passkeys import give_passkey
from tests.support.residents import PASSWORD, Resident, add_client, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from website import clock
from website.access.claim_map import ClaimMap
from website.routes.people import accounts as people_pages
from website.routes.people import events as event_pages
from website.routes.people import group_choices
from website.routes.people import groups as group_pages

PAGES = ("/people", "/groups", "/groups/staff", "/events")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with one account per role, two without, and a group."""
    node = nodes[0]
    add_user(node, "olga", is_operator=True)
    for name in ("aldo", "hedy", "dev", "ada", "bob"):
        add_user(node, name)
    for name, role in (("aldo", "auditor"), ("hedy", "helpdesk"), ("dev", "developer")):
        node.server.access.roles.grant(id_of(node, name), role)
    node.server.access.groups.create("staff", "All staff")
    yield node
    with node.server.database.engine.begin() as connection:
        for table in ("oauth2_group", "oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def id_of(node: Provider, username: str) -> int:
    return int(node.server.users.find_row(username).id)


def log_in(node: Provider, username: str) -> Resident:
    person = Resident(node.application)
    assert person.log_in(username).status == 303
    return person


def person_page(node: Provider, username: str) -> str:
    return f"/people/{id_of(node, username)}"


def subject_of(node: Provider, username: str) -> str:
    return str(node.server.users.subject_of_name(username))


# --- who sees what


@pytest.mark.parametrize(
    ("username", "statuses"),
    [
        ("olga", (200, 200, 200, 200, 200)),
        ("aldo", (200, 200, 200, 200, 200)),
        ("hedy", (200, 404, 404, 404, 200)),
        ("dev", (404, 404, 404, 404, 404)),
        ("ada", (404, 404, 404, 404, 404)),
    ],
)
def test_each_role_sees_its_pages(node: Provider, username: str, statuses: tuple[int, ...]) -> None:
    person = log_in(node, username)
    paths = (*PAGES, person_page(node, "bob"))
    assert tuple(person.get(path).status for path in paths) == statuses
    assert ('href="/people"' in person.get("/account").text) is (statuses[0] == 200)


def test_a_stranger_is_asked_to_log_in(node: Provider) -> None:
    for path in (*PAGES, person_page(node, "bob")):
        assert Resident(node.application).get(path).status == 303


def test_only_an_operator_changes_anything(node: Provider) -> None:
    bob = person_page(node, "bob")
    acts = (
        f"{bob}/enable", f"{bob}/disable", f"{bob}/groups/add", f"{bob}/groups/staff/remove",
        f"{bob}/roles/auditor/grant", "/groups", "/groups/staff/names", "/groups/staff/members/add",
        f"{bob}/required_factor", "/groups/staff/required_factor",
        f"/groups/staff/members/{id_of(node, 'bob')}/remove", "/groups/staff/delete",
        "/groups/staff/roles/auditor/grant",
    )  # fmt: skip
    before = rows(node, "SELECT count(*) FROM oauth2_event WHERE event <> 'login'")
    for username in ("aldo", "hedy", "dev", "ada"):
        person = log_in(node, username)
        token = person.get("/account").hidden_fields()
        for path in acts:
            assert person.post(path, {**token, "group": "staff", "usernames": "bob"}).status == 404, (username, path)
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event <> 'login'") == before


# --- the list


def test_people_are_found_by_name_address_and_full_name_a_page_at_a_time(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_pages, "PAGE_ROWS", 2)
    run(node, "users", "set", "bob", "--name", "Bob Lovelace", "--email", "robert@example.org")
    operator = log_in(node, "olga")

    def names(path: str) -> list[str]:
        return re.findall(r'<strong><a href="/people/\d+">(\w+)<', operator.get(path).text)

    assert [names(f"/people?find={part}") for part in ("BO", "lovelace", "ROBERT@", "nobody%25")] == [
        ["bob"], ["bob"], ["bob"], [],
    ]  # fmt: skip
    path, found = "/people", []
    for _page in range(3):
        found += names(path)
        path = (re.findall(r'href="(/people\?after=[^"]+)">Next', operator.get(path).text) or [""])[0]
    assert found == ["ada", "aldo", "bob", "dev", "hedy", "olga"]
    assert path == ""
    assert operator.get("/people?after=" + "x" * 500).status == 200
    assert operator.get("/people/99999999999999999999999").status == 404
    assert operator.get("/people/999999999").status == 404


def test_who_has_not_logged_in_is_found_on_the_page_and_by_command(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_pages, "PAGE_ROWS", 2)
    past = clock.now() - 200 * 86400
    with node.server.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE oauth2_user SET created_at = {past} WHERE username IN ('ada', 'bob', 'olga')"))
    with time_machine.travel(clock.now() - 100 * 86400, tick=False):
        logged_in_at = clock.now()
        log_in(node, "bob")
    assert Resident(node.application).log_in("ada", password="not " + PASSWORD).status == 422
    operator = log_in(node, "olga")

    def names(path: str) -> list[str]:
        return re.findall(r'<strong><a href="/people/\d+">(\w+)<', operator.get(path).text)

    def listed(*options: str) -> list[str]:
        return [row["username"] for row in run_for_json(node, "users", "list", *options, "--json")]

    first = operator.get("/people?logins=never").text
    assert re.search(r'<option value="never" selected>', first)
    path = unescape(re.findall(r'href="(/people\?[^"]+)">Next', first)[0])
    assert names("/people?logins=never") + names(path) == ["ada", "aldo", "dev", "hedy"]
    assert names("/people?logins=none_lately") == ["ada", "bob"]
    assert names("/people?logins=never&find=de") == ["dev"]
    assert names("/people?logins=anything") == ["ada", "aldo"]
    assert "<dd>Never</dd>" not in operator.get(person_page(node, "bob")).text
    assert "<dd>Never</dd>" in operator.get(person_page(node, "ada")).text
    assert listed("--never-logged-in") == ["ada", "aldo", "dev", "hedy"]
    assert (listed("--no-login-for", "90"), listed("--no-login-for", "150")) == (["ada", "bob"], ["ada"])
    assert "not both" in run(node, "users", "list", "--never-logged-in", "--no-login-for", "1", exit_code=2).output
    moment = datetime.fromtimestamp(logged_in_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = [run_for_json(node, "users", "show", name, "--json")["last_login_at"] for name in ("ada", "bob")]
    assert shown == [None, moment]
    assert moment in run(node, "users", "list", "--find", "bob").stdout


def test_what_people_chose_is_shown_as_text(node: Provider) -> None:
    bob = id_of(node, "bob")
    node.server.users.set_claims(bob, {"name": "<script>alert(1)</script>"})
    operator = log_in(node, "olga")
    for path in ("/people", f"/people/{bob}", "/people?find=%3Cscript%3E"):
        assert "<script>alert" not in operator.get(path).text
        assert "&lt;script&gt;" in operator.get(path).text


# --- one person


def test_an_operator_asks_for_a_new_password_at_the_next_login(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    assert operator.submit(f"{page}/new_password", page).location == page
    assert "Asked for at the next login" in operator.get(page).text
    assert Resident(node.application).log_in("bob").location.startswith("/login/new_password")
    row = latest_event(node, "password_change_required")
    assert (row.actor, row.subject) == (subject_of(node, "olga"), subject_of(node, "bob"))


def test_an_operator_disables_and_enables_an_account(node: Provider) -> None:
    bob, operator, page = log_in(node, "bob"), log_in(node, "olga"), person_page(node, "bob")
    assert operator.submit(f"{page}/disable").status == 303
    assert not bob.is_logged_in()
    row = latest_event(node, "user_disabled")
    assert (row.actor, row.subject) == (subject_of(node, "olga"), subject_of(node, "bob"))
    assert operator.submit(f"{page}/enable", page).status == 303
    assert log_in(node, "bob").is_logged_in()
    assert latest_event(node, "user_enabled").actor == subject_of(node, "olga")


def test_nobody_changes_the_rights_of_their_own_account(node: Provider) -> None:
    add_user(node, "otto", is_operator=True)
    operator, page = log_in(node, "olga"), person_page(node, "olga")
    for act in ("disable", "link", "factors", "roles/operator/revoke", "roles/auditor/grant"):
        assert [operator.get(f"{page}/{act}").status, operator.submit(f"{page}/{act}", page).status] == [404, 404]


def test_the_last_operator_cannot_delete_their_account_on_a_page(node: Provider) -> None:
    operator = log_in(node, "olga")
    refused = operator.submit("/account/delete", password=PASSWORD)
    assert (refused.status, "You are the last operator" in refused.text) == (422, True)
    assert operator.is_logged_in()
    assert node.server.users.has_operator()


def test_groups_of_a_person_change_on_their_page(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    assert operator.submit(f"{page}/groups/add", page, group="STAFF").status == 303
    row = latest_event(node, "group_member_added")
    assert (row.actor, row.subject) == (subject_of(node, "olga"), subject_of(node, "bob"))
    assert "All staff" in operator.get(page).text
    refused = operator.submit(f"{page}/groups/add", page, group="typo")
    assert (refused.status, "There is no group with this name." in refused.text) == (422, True)
    assert operator.submit(f"{page}/groups/staff/remove", page).status == 303
    assert node.server.access.groups.groups_of(id_of(node, "bob")) == []


def test_roles_are_given_and_taken_on_a_page(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    for role in ("operator", "helpdesk"):
        assert operator.submit(f"{page}/roles/{role}/grant").status == 303
    assert node.server.access.roles.own_of(node.server.users.find_row("bob")) == ["operator", "helpdesk"]
    assert latest_event(node, "operator_appointed").actor == subject_of(node, "olga")
    assert operator.submit(f"{page}/roles/operator/revoke").status == 303
    assert operator.get(f"{page}/roles/king/grant").status == 404
    assert "operator" in operator.get(page).text


def test_giving_a_role_says_what_goes_on_logging_the_person_in(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    before = operator.get(f"{page}/roles/auditor/grant").text
    assert ("Last link" in before, f"{page}/factors" in before) == (False, False)
    assert log_in(node, "hedy").submit(f"{page}/link").status == 200
    give_passkey(node.application, "bob")
    run(node, "users", "set", "bob", "--email", "hedy@evil.example", "--email-verified")
    shown = operator.get(f"{page}/roles/auditor/grant").text
    assert re.search(r"<dt>Last link created</dt>\s*<dd>[^<]+ UTC by hedy<", shown)
    assert "<dd>hedy@evil.example</dd>" in shown
    assert "Firefox on Linux, added on 1 January 1970, 00:00 UTC" in shown
    assert f'href="{page}/factors"' in shown


def test_a_link_for_a_password_is_shown_once_and_works(node: Provider) -> None:
    helpdesk, page = log_in(node, "hedy"), person_page(node, "bob")
    shown = helpdesk.submit(f"{page}/link")
    assert shown.headers["Cache-Control"] == "no-store"
    token = re.findall(r"/set_password\?token=([\w-]+)", shown.text)[0]
    row = latest_event(node, "password_link_created")
    assert (row.actor, row.subject) == (subject_of(node, "hedy"), subject_of(node, "bob"))
    assert token not in str(row.detail)
    bob = Resident(node.application)
    new = "a new staple for the battery"
    assert bob.submit("/set_password", f"/set_password?token={token}", token=token, password=new, password_again=new)
    for username in ("olga", "aldo", "hedy", "dev"):
        path = f"{person_page(node, username)}/link"
        assert [helpdesk.get(path).status, helpdesk.submit(path, page).status] == [404, 404]
    assert log_in(node, "aldo").get(f"{page}/link").status == 404


def test_the_helpdesk_resets_the_second_factors_of_people_without_a_role(node: Provider) -> None:
    helpdesk, page = log_in(node, "hedy"), person_page(node, "bob")
    assert helpdesk.submit(f"{page}/factors").status == 303
    row = latest_event(node, "factors_reset")
    assert (row.actor, row.subject) == (subject_of(node, "hedy"), subject_of(node, "bob"))
    for username in ("olga", "aldo", "hedy"):
        path = f"{person_page(node, username)}/factors"
        assert [helpdesk.get(path).status, helpdesk.submit(path, page).status] == [404, 404]


def test_a_dangerous_act_asks_for_the_password_again_ten_minutes_after_the_login(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    acts = (f"{page}/disable", f"{page}/link", f"{page}/roles/auditor/grant", "/groups/staff/delete",
            "/groups/staff/roles/auditor/grant")  # fmt: skip
    assert [operator.get(path).text.count('name="password"') for path in acts] == [0] * 5
    with time_machine.travel(clock.now() + 700, tick=True):
        for path in acts:
            assert 'name="password"' in operator.get(path).text
            for wrong in ({}, {"password": "wrong " + PASSWORD}):
                assert operator.submit(path, **wrong).status == 422, path
        assert rows(node, "SELECT count(*) FROM oauth2_password_link") == [(0,)]
        assert node.server.access.groups.find("staff") is not None
        assert node.server.users.find_row("bob").disabled_at is None
        assert operator.submit(f"{page}/disable", password=PASSWORD).status == 303
    assert node.server.users.find_row("bob").disabled_at is not None


def test_what_gives_rights_without_a_page_of_its_own_asks_for_a_login_of_the_last_ten_minutes(node: Provider) -> None:
    groups, bob = node.server.access.groups, person_page(node, "bob")
    for name in ("desk", "strict", "press", "mapped"):
        groups.create(name)
    for name in ("press", "mapped"):
        groups.add_members(groups.find(name).id, [id_of(node, "ada")])
    client = add_client(node).client_id
    run(node, "access", "set", client, "--group", "press")
    run(node, "claims", "set", client, "level", "--group", "mapped=admin")
    node.server.access.roles.grant_to_group(groups.find("desk").id, "helpdesk")
    groups.update(groups.find("strict").id, requires_factor=True)
    for name in ("desk", "strict"):
        groups.add_members(groups.find(name).id, [id_of(node, "ada")])
    node.server.users.disable(id_of(node, "dev"))
    ada, dev = person_page(node, "ada"), person_page(node, "dev")
    acts = [
        (f"{bob}/groups/add", bob, {"group": "desk"}),
        ("/groups/desk/members/add", "/groups/desk", {"usernames": "bob"}),
        *((f"{ada}/groups/{name}/remove", ada, {}) for name in ("desk", "strict", "mapped")),
        *((f"/groups/{name}/members/add", f"/groups/{name}", {"usernames": "bob"}) for name in ("press", "mapped")),
        *(
            (f"/groups/{name}{ada.replace('people', 'members')}/remove", f"/groups/{name}", {})
            for name in ("desk", "strict")
        ),
        (f"{dev}/enable", dev, {}),
        (f"{bob}/required_factor", bob, {"required": "yes"}),
        ("/groups/staff/required_factor", "/groups/staff", {"required": "yes"}),
    ]
    operator = log_in(node, "olga")
    with time_machine.travel(clock.now() + 700, tick=True):
        before = rows(node, "SELECT group_id, user_id FROM oauth2_membership ORDER BY 1, 2")
        for path, page, fields in acts:
            answer = operator.submit(path, page, **fields)
            assert (answer.status, answer.location.startswith("/?next=")) == (303, True), path
        assert rows(node, "SELECT group_id, user_id FROM oauth2_membership ORDER BY 1, 2") == before
        assert node.server.users.find_row("dev").disabled_at is not None
        assert operator.submit(f"{bob}/groups/add", bob, group="staff").location == bob
        operator.log_in("olga")
        for path, page, fields in acts:
            assert operator.submit(path, page, **fields).location == page, path
    assert node.server.access.roles.of(id_of(node, "bob"), is_operator=False) == {"helpdesk"}
    assert node.server.users.find_row("dev").disabled_at is None


# --- groups


def test_a_group_is_created_filled_labelled_and_deleted_on_its_pages(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_pages, "PAGE_ROWS", 2)
    operator = log_in(node, "olga")
    created = operator.submit("/groups", name="grafana-admins", label="Grafana administrators")
    assert (created.status, created.location) == (303, "/groups/grafana-admins")
    assert operator.submit("/groups", name="GRAFANA-admins").status == 422
    assert operator.submit("/groups", name="two words").status == 422
    refused = operator.submit("/groups", name="staff-2", label="x" * 201)
    assert (refused.status, 'id="label-error"' in refused.text) == (422, True)
    page = "/groups/grafana-admins"
    refused = operator.submit(f"{page}/members/add", page, usernames="bob\nnobody here\n")
    assert (refused.status, "Unknown: nobody here" in refused.text) == (422, True)
    assert operator.submit(f"{page}/members/add", page, usernames=" Bob \r\nada\r\n\r\naldo").status == 303
    members = node.server.access.groups.list_members(node.server.access.groups.find("grafana-admins").id)
    assert [user.username for user, _added_at in members] == ["ada", "aldo", "bob"]
    assert "Next page" in operator.get(page).text
    assert "bob" in operator.get(f"{page}?after=aldo").text
    assert operator.submit(f"{page}/members/{id_of(node, 'ada')}/remove", page).status == 303
    assert operator.submit(f"{page}/names", page, label="Admins of Grafana").status == 303
    assert "Admins of Grafana" in operator.get("/groups?find=admins").text
    node.server.access.groups.create("taken")
    for fields, problem in (
        ({"name": "taken", "label": "Admins"}, "name-error"),
        ({"name": "two words", "label": "Admins"}, "name-error"),
        ({"name": "renamed", "label": "x" * 201}, "label-error"),
    ):
        refused = operator.submit(f"{page}/names", page, **fields)
        assert (refused.status, f'id="{problem}"' in refused.text) == (422, True), fields
    renamed = operator.submit(f"{page}/names", page, name="admins-of-grafana", label="Admins of Grafana")
    assert renamed.location == "/groups/admins-of-grafana"
    back = operator.submit(f"{renamed.location}/names", renamed.location, name="grafana-admins", label="")
    assert back.location == page
    assert operator.submit(f"{page}/roles/auditor/grant").status == 303
    assert node.server.access.roles.of(id_of(node, "bob"), is_operator=False) == {"auditor"}
    client, group = add_client(node), node.server.access.groups.find("grafana-admins")
    node.server.access.rules.replace(client.row, [group.id], None)
    node.server.access.claim_maps.set(client.row, ClaimMap("level", "profile", groups=((group.id, "Admin"),)))
    deletion = operator.get(f"{page}/delete").text
    for lost in ("the role auditor", "access to Photo Printer", "its value in the claim level of Photo Printer"):
        assert lost in deletion
    assert "Photo Printer" not in operator.get("/groups/staff/delete").text
    assert operator.submit(f"{page}/delete").status == 303
    assert operator.get(page).status == 404
    row = latest_event(node, "group_deleted")
    assert (row.subject, row.detail) == (subject_of(node, "olga"), {"group": "grafana-admins", "members": 2})


@pytest.mark.parametrize("is_groups", [False, True], ids=["person", "group"])
def test_a_second_factor_is_required_on_the_page_of_a_person_or_group(node: Provider, is_groups: bool) -> None:
    operator, bob = log_in(node, "olga"), log_in(node, "bob")
    group = node.server.access.groups.create("vault", "Vault")
    node.server.access.groups.add_members(group.id, [id_of(node, "bob")])
    page = "/groups/vault" if is_groups else person_page(node, "bob")
    auditor = log_in(node, "aldo")

    def required() -> bool:
        return node.server.accounts.second_factors.find(str(id_of(node, "bob"))).are_required

    assert operator.submit(f"{page}/required_factor", page, required="yes").location == page
    assert required()
    assert bob.get("/account").status == 303  # the login with a password alone has ended
    assert "No longer require" in operator.get(page).text
    assert ">required</span>" in operator.get(person_page(node, "bob")).text
    assert "Members need a second factor to log in." in auditor.get("/groups/vault").text or not is_groups
    row = latest_event(node, "group_changed" if is_groups else "factor_requirement_changed")
    assert subject_of(node, "olga") in (row.actor, row.subject)
    assert operator.submit(f"{page}/required_factor", page, required="no").location == page
    assert not required()


def test_a_group_cannot_make_operators(node: Provider) -> None:
    operator = log_in(node, "olga")
    assert operator.get("/groups/staff/roles/operator/grant").status == 404


# --- adding a person


def test_an_operator_adds_a_person_and_gets_the_link_once(node: Provider) -> None:
    operator, page = log_in(node, "olga"), "/people/new"
    assert f'href="{page}"' in operator.get("/people").text
    fields = {**operator.get(page).hidden_fields(), "username": "nina", "email": "nina@example.org"}
    answer = operator.post(page, fields)
    link = re.findall(r"https://id\.example(/set_password\?token=[^<\"&]+)", answer.text)[0]
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "<strong>nina</strong>" in Resident(node.application).get(link).text
    person = node.server.users.find_row("nina")
    assert (person.email, person.email_verified, person.password_hash) == ("nina@example.org", False, None)
    assert latest_event(node, "user_created").actor == latest_event(node, "password_link_created").actor
    assert latest_event(node, "user_created").actor == node.server.users.subject_of_name("olga")
    assert operator.post(page, fields).location == f"/people/{person.id}"  # sent again
    for username, email, problem in (
        ("NINA", "", "taken"),
        ("", "", "Enter a username."),
        ("otto", "nina@example.org", 'id="email-error"'),
        ("otto", "nobody", 'id="email-error"'),
    ):
        answer = operator.submit(page, page, username=username, email=email)
        assert (answer.status, problem in answer.text) == (422, True), answer.text
    assert node.server.users.find_row("otto") is None


def test_only_operators_who_have_just_logged_in_add_people(node: Provider) -> None:
    assert log_in(node, "aldo").get("/people/new").status == 404
    assert "/people/new" not in log_in(node, "aldo").get("/people").text
    operator = log_in(node, "olga")
    fields = {**operator.get("/people/new").hidden_fields(), "username": "nina"}
    with time_machine.travel(clock.now() + 700):
        assert operator.get("/people/new").location.startswith("/?next=/people/new")
        assert operator.post("/people/new", fields).status == 303
    assert node.server.users.find_row("nina") is None


def test_groups_are_chosen_from_a_list_until_there_are_too_many(node: Provider) -> None:
    operator, page = log_in(node, "olga"), person_page(node, "bob")
    assert '<option value="staff">All staff</option>' in operator.get(page).text
    operator.submit(f"{page}/groups/add", page, group="staff")
    assert 'name="group"' not in operator.get(page).text  # bob is in the only one
    for name in range(group_choices.MAX_CHOICES):
        node.server.access.groups.create(f"group{name}")
    assert '<input id="group" name="group"' in operator.get(page).text


# --- events


def test_events_leave_out_what_is_empty_and_fold_what_is_long(node: Provider) -> None:
    log_in(node, "olga")
    audit, subject = node.server.audit, subject_of(node, "olga")
    audit.record(
        "resource_changed", subject=subject, detail={"access_token_seconds": None, "is_open": True, "scope": ""}
    )
    audit.record("client_changed", subject=subject, detail={"scopes": [f"photos.read{number}" for number in range(9)]})
    audit.record("login", actor=subject, subject=subject, detail={"amr": ["hwk", "user", "mfa", "own"]})
    page = log_in(node, "aldo").get("/events").text
    assert "Logged in with: passkey that stays on its device, two factors, own<" in page
    # Somebody's own act doesn't name them twice.
    own_row = next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "two factors, own" in row)
    assert own_row.count("olga") == 1
    assert '<span class="quiet">Is open: yes</span>' in page
    assert "Access token seconds" not in page
    assert re.search(r"<summary>Details</summary>\s*<dl class=\"facts\"><dt>Scopes</dt><dd>photos.read0, ", page)
    assert f"{getpass.getuser()} (command)" in page
    assert re.search(r">\d{4}-\d\d-\d\d \d\d:\d\d:\d\d</time>", page)


def test_events_are_filtered_and_leafed_through(node: Provider) -> None:
    client = add_client(node)
    auditor, operator = log_in(node, "aldo"), log_in(node, "olga")
    operator.submit(f"{person_page(node, 'bob')}/groups/add", person_page(node, "bob"), group="staff")
    for name in range(event_pages.PAGE_ROWS + 10):
        node.server.access.groups.create(f"group{name}")
    page = auditor.get("/events").text
    assert page.count("<strong>Group created</strong>") == event_pages.PAGE_ROWS
    following = re.findall(r'href="(/events\?before=\d+)"', page)[0]
    assert "Account added to a group" in auditor.get(following).text
    only = auditor.get("/events?event=group_member_added&person=bob").text
    assert "Account added to a group" in only
    assert "<strong>Group created" not in only
    assert "olga" in only
    assert "Group: staff" in only
    assert "<strong>Account added to a group" in auditor.get("/events?by=olga").text
    assert "<strong>Account added to a group" not in auditor.get("/events?by=bob").text
    assert "Group created" in auditor.get(f"/events?by=command:{getpass.getuser()}").text
    assert "No events found." in auditor.get("/events?until=2001-01-01").text
    assert "Account created" in auditor.get("/events?since=2001-01-01&event=user_created").text
    assert client.client_id
    assert "Client created" in auditor.get(f"/events?client={client.client_id}").text
    for wrong in (
        "person=nobody",
        "by=nobody",
        "client=nothing",
        "since=yesterday",
        "before=x",
        "before=" + "9" * 40,
        "event=x",
    ):
        assert auditor.get(f"/events?{wrong}").status == 200
    assert "There is no account with this username." in auditor.get("/events?person=nobody").text
