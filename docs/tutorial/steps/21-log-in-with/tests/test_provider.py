"""The provider's promises, one test each."""

import base64
import hashlib
import re

import pytest
from joserfc.errors import InvalidClaimError
from joserfc.jwk import KeySet

from id_tokens import read_id_token
from website.app import create_app
from website.models import OAuth2AuthorizationCode, OAuth2Token, db

BACK = "https://printer.example/back"
VERIFIER = "a-verifier-that-a-real-client-draws-at-random"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.fixture
def app(tmp_path):
    places = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/db.sqlite", "KEY_FILE": f"{tmp_path}/key.json"}
    app = create_app({"TESTING": True} | places)
    app.test_cli_runner().invoke(args=["initdb"])
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def browser(app):
    """A browser that is logged in as ada."""
    browser = app.test_client()
    submit(browser, "/", username="ada")
    return browser


@pytest.fixture
def client(browser):
    """The ID and secret of a client that belongs to ada."""
    grant_types = ["authorization_code", "refresh_token", "client_credentials", "password"]
    fields = {"client_name": "Printer", "scope": "openid profile", "redirect_uri": BACK, "grant_type": grant_types}
    fields |= {"response_type": "code", "token_endpoint_auth_method": "client_secret_basic"}
    page = submit(browser, "/create_client", **fields)
    return tuple(re.findall(r'id="client_(?:id|secret)">([^<]+)<', page.text))


def submit(browser, path, page=None, **fields):
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', (page or browser.get(path)).text)
    return browser.post(path, data=dict(hidden) | fields)


def ask(browser, client, **parameters):
    query = {"response_type": "code", "client_id": client[0], "redirect_uri": BACK} | PKCE | parameters
    return browser.get("/oauth/authorize", query_string=query)


def get_code(browser, client, **parameters):
    redirect = submit(browser, "/oauth/authorize", ask(browser, client, **parameters), confirm="yes")
    return re.search(r"code=(\w+)", redirect.location).group(1)


def ask_for_token(browser, client, grant_type, **fields):
    return browser.post("/oauth/token", data={"grant_type": grant_type} | fields, auth=client)


def redeem(browser, client, code, **fields):
    fields = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER} | fields
    return ask_for_token(browser, client, "authorization_code", **fields)


def call_api(browser, token):
    return browser.get("/api/me", headers={"Authorization": f"Bearer {token['access_token']}"})


def test_code_gives_a_token_that_opens_the_api(browser, client):
    token = redeem(browser, client, get_code(browser, client)).json

    assert call_api(browser, token).json == {"id": 1, "username": "ada"}


def test_second_use_of_a_code_ends_what_the_first_one_gave(browser, client):
    code = get_code(browser, client)
    token = redeem(browser, client, code).json

    assert redeem(browser, client, code).json["error"] == "invalid_grant"
    assert call_api(browser, token).status_code == 401


def test_second_use_of_a_refresh_token_ends_all_that_came_of_it(browser, client):
    old = redeem(browser, client, get_code(browser, client)).json["refresh_token"]
    new = ask_for_token(browser, client, "refresh_token", refresh_token=old).json

    assert ask_for_token(browser, client, "refresh_token", refresh_token=old).json["error"] == "invalid_grant"
    assert call_api(browser, new).status_code == 401


@pytest.mark.parametrize("changed", [{"code_verifier": "w" * 43}, {"redirect_uri": "https://printer.example/other"}])
def test_code_is_worth_nothing_without_what_belongs_to_it(browser, client, changed):
    assert redeem(browser, client, get_code(browser, client), **changed).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "profile everything"}, "invalid_scope"),
    ],
)
def test_client_is_told_why_its_request_is_refused(browser, client, changed, error):
    assert ask(browser, client, **changed).location.startswith(f"{BACK}?error={error}&")


@pytest.mark.parametrize("changed", [{"redirect_uri": BACK + "/evil"}, {"client_id": "nobody"}])
def test_nobody_is_sent_to_an_address_that_is_not_registered(browser, client, changed):
    answer = ask(browser, client, **changed)

    assert (answer.status_code, answer.location) == (400, None)


def test_consent_needs_the_token_of_our_own_page(browser, client):
    ask(browser, client)
    fields = {"response_type": "code", "client_id": client[0], "confirm": "yes"} | PKCE

    assert browser.post("/oauth/authorize", data=fields).status_code == 400


def test_only_a_post_decides(browser, client):
    fields = {"response_type": "code", "client_id": client[0], "confirm": "yes"} | PKCE

    assert browser.head("/oauth/authorize", data=fields).location is None


def test_no_is_no(browser, client):
    redirect = submit(browser, "/oauth/authorize", ask(browser, client, state="kept"), confirm="no")

    assert "error=access_denied" in redirect.location
    assert redirect.location.endswith("&state=kept")


def test_no_secret_is_stored_in_clear(app, browser, client):
    code = get_code(browser, client)
    token = redeem(browser, client, code).json
    rows = [client[1], code, token["access_token"], token["refresh_token"]]

    with app.app_context():
        stored = str([vars(row) for table in (OAuth2AuthorizationCode, OAuth2Token) for row in db.session.query(table)])
    assert [value for value in rows if value in stored] == []


def test_form_that_is_refused_comes_back_as_it_was_filled_in(browser):
    page = submit(browser, "/create_client", client_name="Printer", scope="profile", grant_type="client_credentials")

    assert re.findall(r'value="(\w+)" checked', page.text) == ["client_credentials"]


@pytest.mark.parametrize("name", ["client_id", "response_type", "redirect_uri"])
@pytest.mark.parametrize("value", ['"', "\\", "é", "\n", "\0"])
def test_strange_characters_are_a_bad_request(browser, client, name, value):
    assert ask(browser, client, **{name: value}).status_code == 400


@pytest.mark.parametrize("header", ["Basic", "Basic /w==", "Basic é", "Basic =", "Bearer é"])
def test_strange_credentials_are_a_bad_request(browser, client, header):
    answer = browser.post("/oauth/token", data={"grant_type": "password"}, headers={"Authorization": header})

    assert answer.json["error"] == "invalid_client"


def test_parameters_are_read_in_one_way_only(browser, client):
    fields = {"grant_type": "client_credentials"}
    twice = {"grant_type": ["client_credentials", "password"]}

    assert browser.post("/oauth/token", query_string=fields, auth=client).status_code == 400
    assert browser.post("/oauth/token", data=twice, auth=client).status_code == 400
    assert browser.post("/oauth/token", data=fields | {"client_secret": "x"}, auth=client).status_code == 400
    assert browser.post("/oauth/token", data=fields, auth=client).status_code == 200


def test_outside_the_demo_a_name_alone_is_nobody(app):
    app.config["DEMO"] = False
    app.test_cli_runner().invoke(args=["adduser", "ada", "--password", "lovelace"])
    browser = app.test_client()

    assert submit(browser, "/", username="ada").status_code == 400
    assert submit(browser, "/", username="ada", password="valid").status_code == 400
    assert submit(browser, "/", username="eve", password="lovelace").status_code == 400
    assert submit(browser, "/", username="ada", password="lovelace").status_code == 303


def test_logout_ends_a_cookie_that_was_copied(app, browser):
    copy = app.test_client()
    copy.set_cookie("provider_session", browser.get_cookie("provider_session").value)
    assert "Your clients" in copy.get("/").text
    submit(browser, "/logout", browser.get("/"))

    assert "Log in" in copy.get("/").text


def test_new_password_ends_sessions_tokens_and_codes(app, browser, client):
    token, code = redeem(browser, client, get_code(browser, client)).json, get_code(browser, client)
    app.test_cli_runner().invoke(args=["adduser", "ada", "--password", "lovelace"])
    refreshed = ask_for_token(browser, client, "refresh_token", refresh_token=token["refresh_token"])

    assert "Log in" in browser.get("/").text
    assert call_api(browser, token).status_code == 401
    assert refreshed.json["error"] == redeem(browser, client, code).json["error"] == "invalid_grant"


def test_https_is_required_of_everybody_but_this_machine(app, browser, client):
    fields = {"data": {"grant_type": "client_credentials"}, "auth": client}

    assert browser.post("/oauth/token", base_url="http://login.example", **fields).json["error"] == "insecure_transport"
    assert browser.post("/oauth/token", base_url="https://login.example", **fields).status_code == 200


def test_id_token_is_for_one_client_one_request_and_one_access_token(browser, client):
    token = redeem(browser, client, get_code(browser, client, scope="openid", nonce="n")).json
    keys = KeySet.import_key_set(browser.get("/oauth/jwks").json)
    expected = {"issuer": "http://localhost", "client_id": client[0], "nonce": "n"}
    expected |= {"access_token": token["access_token"]}

    assert read_id_token(token["id_token"], keys, **expected)["sub"] == "1"
    for changed in expected:
        with pytest.raises(InvalidClaimError):
            read_id_token(token["id_token"], keys, **expected | {changed: "another"})


def test_without_openid_there_is_no_id_token(browser, client):
    assert "id_token" not in redeem(browser, client, get_code(browser, client, scope="profile")).json


def test_private_key_stays_on_the_server(browser):
    assert set(browser.get("/oauth/jwks").json["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}


def test_discovery_leads_to_the_key_and_to_userinfo(browser, client):
    found = browser.get("/.well-known/openid-configuration").json
    token = redeem(browser, client, get_code(browser, client, scope="openid")).json
    claims = browser.get(found["userinfo_endpoint"], headers={"Authorization": f"Bearer {token['access_token']}"}).json

    assert found["issuer"] == "http://localhost"
    assert browser.get(found["jwks_uri"]).json["keys"]
    assert claims == {"sub": "1"}
