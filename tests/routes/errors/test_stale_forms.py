"""Forms opened before a login or logout in another tab change nothing, and nobody is left on an error page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.every_page import OTHER_PASSWORD, PASSWORD, admit, show_first_factor
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, code_of, read_hidden_fields
from tests.support.token_requests import PRODUCTION

OWN = {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https", "OAUTH2_JOINING": "invitation"}
MODES = {"demo": {}, "production": PRODUCTION | OWN}
NEXT = "/connected-apps"


@pytest.fixture(scope="module", params=MODES)
def application(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("stale"), **MODES[request.param]) as opened:
        yield opened


@pytest.fixture
def own(application: Flask) -> dict[str, str]:
    return {"Origin": application.config["PREFERRED_URL_SCHEME"] + "://localhost"}


@pytest.fixture
def person(application: Flask) -> Person:
    return Person(application.test_client())


def send_login(person: Person, form: dict[str, str], username: str, **headers: str) -> Answer:
    return person.post(f"/?next={NEXT}", {**form, "username": username, "password": OTHER_PASSWORD}, **headers)


@pytest.mark.parametrize("by", ["Origin", "Sec_Fetch_Site"])
def test_a_login_form_goes_on_where_the_same_person_is_logged_in_by_now(
    application: Flask, person: Person, own: dict[str, str], by: str
) -> None:
    form = person.get(f"/?next={NEXT}").hidden_fields()
    admit(person, application, "ada")
    headers = own if by == "Origin" else {by: "same-origin"}
    for name in ("ada", "  ADA "):  # the password is wrong, and not looked at
        answer = send_login(person, form, name, **headers)
        assert (answer.status, answer.location) == (303, NEXT)


def test_a_login_form_of_somebody_else_is_shown_again_with_the_name_and_no_password(
    application: Flask, person: Person, own: dict[str, str]
) -> None:
    form = person.get(f"/?next={NEXT}").hidden_fields()
    admit(person, application, "ada")
    answer = send_login(person, form, "grace", **own)
    assert answer.status == 422
    assert 'value="grace"' in answer.text
    assert OTHER_PASSWORD not in answer.text
    assert "The form expired" in answer.text
    assert "ada" in person.get("/account").text
    admit(Person(application.test_client()), application, "grace")
    fields = {**answer.hidden_fields(), "username": "grace", "password": PASSWORD}
    assert person.post(f"/?next={NEXT}", fields, **own).location == NEXT


def test_a_login_form_from_before_a_logout_is_shown_again(
    application: Flask, person: Person, own: dict[str, str]
) -> None:
    admit(person, application, "ada")
    form = person.get(f"/?next={NEXT}&again=1").hidden_fields()
    person.log_out()
    assert send_login(person, form, "ada", **own).status == 422
    assert person.get("/account").status == 303


def test_a_stale_log_out_button_shows_the_question(application: Flask, person: Person, own: dict[str, str]) -> None:
    admit(person, application, "ada")
    form = read_hidden_fields(person.get("/logout").text)
    admit(person, application, "grace")
    answer = person.post("/logout", form, **own)
    assert (answer.status, answer.location) == (303, "/logout")
    assert "grace" in person.get("/logout").text


@pytest.mark.parametrize("path", ["/account"])
def test_every_other_form_is_shown_again_and_changes_nothing(
    application: Flask, person: Person, own: dict[str, str], path: str
) -> None:
    admit(person, application, "ada")
    form = person.get(path).hidden_fields()
    admit(person, application, "ada")
    answer = person.post(path, {**form, "nickname": "Countess"}, **own)
    assert (answer.status, answer.location) == (303, path)
    page = person.get(answer.location).text
    assert "The form expired" in page
    assert "Countess" not in page


def test_a_stale_decision_shows_its_request_again(application: Flask, person: Person, own: dict[str, str]) -> None:
    admit(person, application, "ada")
    metadata = {
        "client_name": "Photo Press", "redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"],
        "response_types": ["code"], "scope": "profile", "token_endpoint_auth_method": "client_secret_basic",
    }  # fmt: skip
    client, _secret = application.extensions["grantwright"].clients.create(metadata, None)
    page = person.ask(client.client_id, state="s1", **Pkce().parameters)
    admit(person, application, "grace")
    answer = person.post("/oauth/authorize", {**page.hidden_fields(), "confirm": "yes"}, **own)
    assert answer.status == 303
    again = person.get(answer.location)
    assert "Photo Press" in again.text
    assert "grace" in again.text
    assert code_of(person.post("/oauth/authorize", {**again.hidden_fields(), "confirm": "yes"}, **own))


@pytest.mark.parametrize("form", ["set_password", "verify_email", "join"])
@pytest.mark.parametrize("then", ["login", "logout"])
def test_a_stale_form_behind_a_link_is_shown_again(
    application: Flask, person: Person, own: dict[str, str], form: str, then: str
) -> None:
    server = application.extensions["grantwright"]
    if server.settings.demo and form != "verify_email":  # it has no passwords, and nobody joins it
        assert person.get(f"/{form}").status == 404
        return
    name = f"{form} {then}"
    admit(person if then == "logout" else Person(application.test_client()), application, name)
    user_id = server.users.find_row(name).id
    path, fields = f"/{form}", {"new_password": OTHER_PASSWORD, "new_password_again": OTHER_PASSWORD}
    if form == "set_password":
        token = server.accounts.password_links.create(user_id)
    elif form == "verify_email":
        token = server.accounts.email_links.create(user_id, f"{then}@people.example")
    else:
        token = server.joining.invitations.create("For Ann")[1]
        path, fields = f"{path}?next={NEXT}", {**fields, "username": f"ann {then}"}
    shown = f"/{form}?token={token}" + (f"&next={NEXT}" if form == "join" else "")
    page = person.get(shown)
    person.log_out() if then == "logout" else show_first_factor(person, application, name)
    answer = person.post(path, {**page.hidden_fields(), **fields}, **own)
    assert (answer.status, answer.location) == (303, shown)
    again = person.get(answer.location)
    assert again.status == 200
    assert "The form expired and nothing was saved" in again.text
    assert person.post(path, {**again.hidden_fields(), **fields}, **own).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_what_may_come_from_elsewhere_is_refused_as_before(
    application: Flask, person: Person, headers: dict[str, str]
) -> None:
    form = person.get("/").hidden_fields()
    admit(person, application, "ada")
    for path in ("/", "/logout", "/account"):
        answer = person.post(path, {**form, "username": "ada"}, **headers)
        assert (answer.status, answer.location) == (400, "")
    mixed = {"Origin": "http://localhost", "Sec_Fetch_Site": "cross-site"}
    assert person.post("/", {**form, "username": "ada"}, **mixed).status == 400
