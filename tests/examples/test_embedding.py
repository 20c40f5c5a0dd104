"""The embedding application, run as its README says: with the wheel, and without this repository's folder."""

from __future__ import annotations

import os
import re
import shutil
import site
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.docs.console_blocks import Reader
from tests.support.live_server import REPOSITORY
from tests.support.person import Pkce
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

REDIRECT_URI = "http://127.0.0.1:9/cb"


ADD_ADA = "```console\n$ flask add-person\nada@example.org can log in\n```\n"


@pytest.fixture(scope="module")
def reader(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody who did as the page says: the wheel in an environment of its own, tables, Ada, a running server.

    The libraries that the wheel needs are found, not installed: tests/test_packaging.py holds that it names them all.
    """
    folder = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns("__pycache__", ".venv", "instance")
    for name in ("website", "examples"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(REPOSITORY / name, folder)
    page = folder / "examples" / "embedding" / "README.md"
    command = folder / "bin" / "flask"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\nexec python -m flask "$@"\n')
    command.chmod(0o755)
    found = {
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_BUILD_ISOLATION": "0",
    }
    with Reader(page.parent, partial(reserve_port, run_folder), found, page="examples/embedding/README.md") as reader:
        reader.follow(page.read_text())
        environment = page.parent / ".venv"
        assert not list(environment.glob("lib/*/site-packages/website"))
        assert list(environment.glob("lib/*/site-packages/grantwright/embedding.py"))
        yield reader


@pytest.fixture(scope="module")
def notebook(reader: Reader) -> str:
    """The running example's address."""
    return reader.url(5005)


@pytest.fixture
def returning_ada(reader: Reader) -> Iterator[None]:
    """Ada, who deletes her account, gets a new one for the next test."""
    yield
    reader.follow(ADD_ADA)


def log_in(page: Page, password: str = "correct horse") -> None:
    page.fill("[name=mail]", "ada@example.org")
    page.fill("[name=password]", password)
    page.click("main button, form:not(header form) button")


def create_client(page: Page, notebook: str) -> tuple[str, str]:
    page.goto(f"{notebook}/sso/create_client?type=other")
    page.fill("[name=client_name]", "Reader")
    page.fill("[name=redirect_uri]", REDIRECT_URI)
    page.click("form[action*=create_client] button[type=submit], form[action*=create_client] button:not([type])")
    return page.inner_text("#client_id").strip(), page.inner_text("#client_secret").strip()


def test_the_login_leads_to_no_other_site(notebook: str) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "\\/evil.example"):
        session = requests.Session()
        page = session.get(f"{notebook}/login", params={"next": target}, timeout=ANSWER_SECONDS)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found
        fields = {"mail": "ada@example.org", "password": "correct horse", "csrf_token": found.group(1)}
        answer = session.post(page.url, fields, allow_redirects=False, timeout=ANSWER_SECONDS)
        assert answer.headers["Location"] == "/", target


@pytest.mark.usefixtures("returning_ada")
def test_a_person_logs_in_once_and_an_application_reads_their_notes(notebook: str, page: Page) -> None:
    page.goto(f"{notebook}/sso/create_client")  # not logged in: the host's own login page, and back
    assert page.url.startswith(f"{notebook}/login?next=")
    log_in(page)
    assert page.url == f"{notebook}/sso/create_client"
    client_id, secret = create_client(page, notebook)
    page.goto(notebook)
    page.fill("[name=text]", "Buy gears")
    page.click("text=Save")

    pkce = Pkce()
    query = f"response_type=code&client_id={client_id}&scope=notes&state=s"
    challenge = f"code_challenge={pkce.challenge}&code_challenge_method=S256"
    page.goto(f"{notebook}/sso/oauth/authorize?{query}&{challenge}")
    assert "ada@example.org" in page.inner_text("main")
    assert "Read your notes" in page.inner_text("main")
    with page.expect_event("requestfailed") as asked:  # nobody listens there
        page.click("button:text-is('Allow')")
    assert asked.value.url.startswith(REDIRECT_URI)
    code = re.search(r"code=([^&#]+)", asked.value.url).group(1)  # type: ignore[union-attr]
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    answer = requests.post(f"{notebook}/sso/oauth/token", fields, auth=(client_id, secret), timeout=ANSWER_SECONDS)
    token = answer.json()["access_token"]

    def call() -> requests.Response:
        return requests.get(
            f"{notebook}/api/notes", headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS
        )

    assert call().json() == {"person": "ada@example.org", "notes": ["Buy gears"]}
    page = page.context.new_page()  # the other one may still be on its way to the page of a failed request
    page.goto(notebook)
    page.click("text=Log out")
    page.goto(f"{notebook}/sso/")
    assert page.url.startswith(f"{notebook}/login")
    assert call().status_code == 200  # what was allowed outlives the login ...
    log_in(page)
    page.goto(notebook)
    token_field = page.input_value("header [name=csrf_token]")
    left = page.request.post(f"{notebook}/leave", form={"csrf_token": token_field})
    assert left.ok
    assert call().status_code == 401  # ... and not the account
