"""The embedding application, run as its README says: with the wheel, and without this repository's folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.live_server import SETTINGS
from tests.person import Pkce
from tests.ports import reserve_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "embedding"
REDIRECT_URI = "http://127.0.0.1:9/cb"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel of this checkout is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(REPOSITORY / "website", source / "website", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", *folder.glob("*.whl")], check=True)
    return folder / "site"


@pytest.fixture
def notebook(wheel: Path, run_folder: Path, tmp_path: Path) -> Iterator[str]:
    """The running example's address: its tables made, and Ada in them."""
    folder, port = tmp_path / "notebook", reserve_port(run_folder)
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("instance", "__pycache__"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    environment |= {"PYTHONPATH": str(wheel), "AUTHLIB_INSECURE_TRANSPORT": "1"}

    def flask(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "app", *arguments]

    for command in (("add-person",), ("grantwright", "initdb")):
        subprocess.run(flask(*command), cwd=folder, env=environment, check=True, capture_output=True)
    with (tmp_path / "notebook.log").open("wb") as log:
        server = subprocess.Popen(
            flask("run", "--port", str(port)), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/login", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None
        try:
            assert requests.get(url, timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("the example did not answer")


def log_in(page: Page, password: str = "correct horse") -> None:
    page.fill("[name=mail]", "ada@example.org")
    page.fill("[name=password]", password)
    page.click("main button, form:not(header form) button")


def create_client(page: Page, notebook: str) -> tuple[str, str]:
    page.goto(f"{notebook}/sso/create_client")
    page.fill("[name=client_name]", "Reader")
    page.fill("[name=redirect_uri]", REDIRECT_URI)
    page.click("form[action*=create_client] button[type=submit], form[action*=create_client] button:not([type])")
    return page.inner_text("#client_id").strip(), page.inner_text("#client_secret").strip()


def test_a_person_logs_in_once_and_an_application_reads_their_notes(notebook: str, page: Page) -> None:
    page.goto(f"{notebook}/sso/create_client")  # not logged in: the host's own login page, and back
    assert page.url.startswith(f"{notebook}/login?next=")
    log_in(page)
    assert page.url == f"{notebook}/sso/create_client"
    client_id, secret = create_client(page, notebook)
    page.goto(notebook)
    page.fill("[name=text]", "Buy gears")
    page.click("text=Keep it")

    pkce, codes = Pkce(), []
    page.route(f"{REDIRECT_URI}*", lambda route: (codes.append(route.request.url), route.fulfill(body="back")))
    query = f"response_type=code&client_id={client_id}&scope=notes&state=s"
    challenge = f"code_challenge={pkce.challenge}&code_challenge_method=S256"
    page.goto(f"{notebook}/sso/oauth/authorize?{query}&{challenge}")
    assert "ada@example.org" in page.inner_text("main")
    assert "Read your notes" in page.inner_text("main")
    page.click("text=Allow")
    page.wait_for_url(f"{REDIRECT_URI}*")
    code = re.search(r"code=([^&#]+)", codes[0]).group(1)  # type: ignore[union-attr]
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    answer = requests.post(f"{notebook}/sso/oauth/token", fields, auth=(client_id, secret), timeout=10)
    token = answer.json()["access_token"]

    def call() -> requests.Response:
        return requests.get(f"{notebook}/api/notes", headers={"Authorization": f"Bearer {token}"}, timeout=10)

    assert call().json() == {"person": "ada@example.org", "notes": ["Buy gears"]}
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


def test_the_login_leads_to_no_other_site(notebook: str) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "\\/evil.example"):
        session = requests.Session()
        page = session.get(f"{notebook}/login", params={"next": target}, timeout=10)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found
        fields = {"mail": "ada@example.org", "password": "correct horse", "csrf_token": found.group(1)}
        answer = session.post(page.url, fields, allow_redirects=False, timeout=10)
        assert answer.headers["Location"] == "/", target
