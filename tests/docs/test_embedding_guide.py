"""The shop of the embedding guide is run as it stands: an application factory, Flask-Login, and the provider in it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from werkzeug.security import generate_password_hash

from tests.support.live_server import REPOSITORY, server_environment, wait_until_reachable
from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

LISTING = REPOSITORY / "docs" / "how-to" / "code" / "shop.py"
SET_UP = """
import shop
app = shop.create_app()
with app.app_context():
    shop.db.create_all()
    shop.db.session.add(shop.Customer(name="Ada", password_hash={hash!r}))
    shop.db.session.commit()
"""


class Shop:
    """The running shop: its folder, its address, and the commands of its provider."""

    def __init__(self, folder: Path, port: int) -> None:
        (folder / "grantwright").symlink_to(REPOSITORY / "website")
        (folder / "shop.py").write_text(LISTING.read_text())
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.environment = {**server_environment({}), "PYTHONPATH": str(folder), "FLASK_APP": "shop"}
        self._run(sys.executable, "-c", SET_UP.format(hash=generate_password_hash("correct horse")))
        self.command("initdb")
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
            self.process = subprocess.Popen(command, cwd=folder, env=self.environment, stdout=log, stderr=log)
        wait_until_reachable(self.process, self.url)

    def command(self, *arguments: str) -> str:
        return self._run(sys.executable, "-m", "flask", "grantwright", *arguments)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=ANSWER_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[Shop]:
    running = Shop(tmp_path_factory.mktemp("shop"), reserve_port(run_folder))
    yield running
    running.process.terminate()
    running.process.wait(10)


def log_in(person: Person, page: str) -> str:
    fields = {**person.get(page).hidden_fields(), "name": "Ada", "password": "correct horse"}
    answer = person.post(page, fields)
    assert answer.status == 303, answer.text
    return answer.location


def test_the_shop_of_the_guide_gives_a_token_to_an_application_that_its_customer_allows(shop: Shop) -> None:
    made = json.loads(
        shop.command("clients", "create", "Photo Press", "--redirect-uri", REDIRECT_URI, "--scope", "profile", "--json")
    )
    client, person, pkce = RegisteredClient(made["client_id"], made["client_secret"]), Person(shop.url), Pkce()
    query = {"response_type": "code", "client_id": client.client_id, "redirect_uri": REDIRECT_URI, "scope": "profile"}
    sent_to_login = person.get("/sso/oauth/authorize?" + urlencode({**query, **pkce.parameters}))
    assert sent_to_login.location.startswith("/login?next="), sent_to_login.text

    asked = person.get(log_in(person, sent_to_login.location))
    assert "Corner Shop" in asked.text  # the pages bear the application's name
    action = re.search(r'<form[^>]*action="([^"]*authorize[^"]*)"', asked.text)
    answer = person.post(
        action.group(1) if action else "/sso/oauth/authorize", {**asked.hidden_fields(), "confirm": "yes"}
    )
    assert answer.location.startswith(REDIRECT_URI), answer.text

    fields = {"grant_type": "authorization_code", "code": answer.query["code"], "redirect_uri": REDIRECT_URI}
    given = person.post("/sso/oauth/token", {**fields, "code_verifier": pkce.verifier}, **client.basic)
    assert given.status == 200, given.text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/%2F/evil.example"])
def test_the_login_of_the_shop_leads_to_no_other_site(shop: Shop, target: str) -> None:
    assert log_in(Person(shop.url), f"/login?{urlencode({'next': target})}") == "/"


def test_a_logout_at_the_shop_ends_the_login_at_the_provider(shop: Shop) -> None:
    person = Person(shop.url)
    log_in(person, "/login")
    assert person.get("/sso/account/apps").status == 200
    token = person.get("/login").hidden_fields()
    assert person.post("/logout", token).status == 303
    assert person.get("/sso/account/apps").location.startswith("/login?")


def test_the_shop_and_the_provider_share_the_file_that_the_guide_names(shop: Shop) -> None:
    file = shop.folder / "instance" / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert {"customer", "oauth2_client"} <= names
