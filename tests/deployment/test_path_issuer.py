"""An issuer with a path behind nginx, which takes the path off or leaves it there: for machines and for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.front import PASSWORD, Front, open_front
from tests.support.live_server import REPOSITORY
from tests.support.person import REDIRECT_URI, Answer, Fields, Person, Pkce, code_of

GUIDE = (REPOSITORY / "docs" / "how-to" / "run-in-production.md").read_text()
ISSUER_PATH = "/auth"
#: What the guide puts in place of `location / {`, for a proxy that keeps the path.
KEEPS = next(re.finditer(r"^location ~ \S+ \{$", GUIDE, re.MULTILINE)).group()
TAKES_OFF = next(re.finditer(r"^    rewrite \S+ \S+ break;$", GUIDE, re.MULTILINE)).group()
FORMS = {
    "kept": KEEPS,
    "taken off": f"{KEEPS}\n{TAKES_OFF}",
    "taken off and said": f"{KEEPS}\n{TAKES_OFF}\n    proxy_set_header X-Forwarded-Prefix /auth;",
}


class PersonBelow(Person):
    """A browser at a server that is below a path; a path that it is given back has it."""

    def _send(self, method: str, path: str, fields: Fields | None, headers: dict[str, str]) -> Answer:
        has_it = path.startswith(f"{ISSUER_PATH}/") or path == ISSUER_PATH
        return super()._send(method, path if has_it else ISSUER_PATH + path, fields, headers)


@pytest.fixture(scope="module", params=FORMS)
def front(
    request: pytest.FixtureRequest, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("production")
    more = {"issuer_path": ISSUER_PATH, "location": FORMS[request.param]}
    with open_front(run_folder, folder, f"sqlite:///{folder}/db.sqlite", nodes=1, **more) as opened:
        yield opened


def person_at(front: Front) -> Person:
    person = PersonBelow(front.url)
    person.session = front.session()
    return person


def log_in(front: Front) -> Person:
    person = person_at(front)
    page = person.get("/")
    answer = person.post("/", {**page.hidden_fields(), "username": "ada", "password": PASSWORD})
    assert (answer.status, answer.location) == (303, f"{ISSUER_PATH}/"), answer.text
    return person


@pytest.mark.parametrize(
    "path",
    [
        "/auth/.well-known/openid-configuration", "/.well-known/openid-configuration/auth",
        "/.well-known/oauth-authorization-server/auth",
    ],
)  # fmt: skip
def test_the_metadata_is_at_all_three_places(front: Front, path: str) -> None:
    metadata = front.session().get(front.url + path).json()
    assert metadata["issuer"] == front.issuer
    addresses = [value for name, value in metadata.items() if name.endswith(("_endpoint", "jwks_uri"))]
    assert len(addresses) > 5
    assert all(address.startswith(f"{front.issuer}/") for address in addresses)
    assert front.session().get(metadata["jwks_uri"]).json()["keys"]


def test_webfinger_is_at_the_root_and_names_the_whole_issuer(front: Front) -> None:
    answer = front.session().get(f"{front.url}/.well-known/webfinger?resource=acct:ada@127.0.0.1")
    assert answer.json()["links"][0]["href"] == front.issuer


def test_nothing_else_is_outside_of_the_path(front: Front) -> None:
    for path in ("/", "/oauth/jwks", "/account", "/static/mark.svg", "/authority", "/readyz"):
        assert front.session().get(front.url + path).status_code == 404, path


def test_people_get_a_login_page_with_its_files_and_go_on_to_where_they_wanted(front: Front) -> None:
    person = person_at(front)
    asked = person.get("/account")
    assert (asked.status, asked.location) == (303, "/auth/?next=/auth/account")
    page = person.get(asked.location)
    files = re.findall(r'(?:href|src)="([^"#]*?)"', page.text)
    assert any("/static/" in file for file in files)
    for file in files:
        assert file.startswith("/auth/") or "://" in file, file
        if file.startswith("/"):
            assert front.session().get(front.url + file).status_code == 200, file
    assert all(action.startswith("/auth/") for action in re.findall(r'action="([^"]+)"', page.text))
    answer = person.post(asked.location, {**page.hidden_fields(), "username": "ada", "password": PASSWORD})
    assert (answer.status, answer.location) == (303, "/auth/account")
    assert "ada" in person.get(answer.location).text


def test_a_person_lets_a_client_in_and_logs_out(front: Front) -> None:
    person = log_in(front)
    client = person.create_client(grant_type="authorization_code\nrefresh_token", scope="openid profile")
    pkce = Pkce()
    code = code_of(person.allow(client, state="back", scope="openid profile", **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    given = front.session().post(
        f"{front.issuer}/oauth/token", {**fields, "redirect_uri": REDIRECT_URI}, headers=client.basic
    )
    assert given.status_code == 200, given.text
    headers = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert front.session().get(f"{front.issuer}/oauth/userinfo", headers=headers).status_code == 200
    assert front.session().get(f"{front.issuer}/api/me", headers=headers).json()["username"] == "ada"
    assert person.log_out().status in (200, 303)
    assert person.get("/account").status == 303


def test_a_logged_out_person_comes_back_to_the_authorization_request(front: Front) -> None:
    client = log_in(front).create_client()
    person = person_at(front)
    asked = person.ask(client, state="back", **Pkce().parameters)
    assert (asked.status, asked.location.partition("?")[0]) == (302, "/auth/")
    page = person.get(asked.location)
    answer = person.post(asked.location, {**page.hidden_fields(), "username": "ada", "password": PASSWORD})
    assert answer.location.startswith("/auth/oauth/authorize?")
    assert person.get(answer.location).status == 200


def test_cookies_are_the_hosts_and_reach_no_script(front: Front) -> None:
    person = person_at(front)
    page = person.get("/")
    fields = {**page.hidden_fields(), "username": "ada", "password": PASSWORD}
    answer = person.session.post(f"{front.issuer}/", fields, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    assert cookies
    assert all(cookie.startswith("__Host-") and "Path=/;" in f"{cookie};" for cookie in cookies)
