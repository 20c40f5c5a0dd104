"""The how-to guides tell the truth: their commands are typed, their listings run, and what they promise comes about."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.console_blocks import Reader, console_blocks
from tests.support import canary
from tests.support.person import Answer, Person, Pkce
from tests.support.ports import reserve_port
from tests.support.token_requests import Provider

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HOW_TO = REPOSITORY / "docs" / "how-to"


class Guide:
    """One page, the reader who follows it, and what he sees on the way."""

    def __init__(self, name: str, reader: Reader, values: Mapping[str, str]) -> None:
        self.reader = reader
        self._values = values
        self.text = (HOW_TO / f"{name}.md").read_text()
        self._blocks = console_blocks(self.text)
        reader.values, reader.page = self._find_value, f"{name}.md"

    def follow(self, until: str = "") -> None:
        """Run the page's fences, up to and with the one whose last command has this text in it; by default all."""
        for block in self._blocks:
            self.reader.run(block)
            if until and until in block.commands[-1].text:
                return
        assert not until, f"{self.reader.page} has no command with {until}"

    def _find_value(self, name: str) -> str:
        """Return what the test gave, or copy it out of what was printed last under that name."""
        if name in self._values:
            return self._values[name]
        wanted = re.escape(name.lower().removeprefix("api_"))
        return re.findall(rf"^{wanted} +(\S+)$", "\n".join(self.reader.printed), re.MULTILINE)[-1]

    def wait_until_printed(self, text: str, terminal: str) -> None:
        deadline = time.monotonic() + 30
        while text not in self.reader.printed_in(terminal):
            assert time.monotonic() < deadline, self.reader.printed_in(terminal)
            time.sleep(0.05)

    def person(self, username: str = "ada") -> Person:
        """Return somebody who is logged in at the provider of the page."""
        person = Person(self.reader.url())
        person.log_in(username)
        return person


@pytest.fixture
def open_guide(tmp_path: Path, run_folder: Path, loaded_flask: Path) -> Iterator[Callable[..., Guide]]:
    """Open a page in a folder that is like a clone of this repository, with the environment active."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(REPOSITORY / "app.py", folder)
    for name in ("website", "docs", "tests"):
        (folder / name).symlink_to(REPOSITORY / name)
    # As after `pip install .`.
    (folder / "grantwright").symlink_to(REPOSITORY / "website")
    # As after `npm install`.
    (folder / "node_modules").symlink_to(REPOSITORY / "tests" / "real_clients" / "node" / "node_modules")
    with ExitStack() as cleanup:

        def open_it(name: str, values: Mapping[str, str] | None = None, **environment: str) -> Guide:
            canary.watch(f"sqlite:///{folder}/instance/db.sqlite", folder / "instance")
            path = f"{loaded_flask}:{Path(sys.executable).parent}:{os.environ['PATH']}"
            reader = Reader(folder, partial(reserve_port, run_folder), {"PATH": path, "TZ": "UTC", **environment})
            cleanup.enter_context(reader)
            return Guide(name, reader, values or {})

        yield open_it


def say_yes(person: Person, address: str) -> Answer:
    """Go where the application sent the browser, allow what is asked, and follow back to the application."""
    asked = person.get(address)
    answer = person.decide(asked) if asked.status == 200 else asked
    assert answer.status in (302, 303), answer.text
    return person.get(answer.location)


def test_register_a_flask_app(open_guide: Callable[..., Guide]) -> None:
    guide = open_guide("register-a-flask-app")
    guide.follow()
    person, application = guide.person(), guide.reader.url(8000)
    begun = person.get(f"{application}/login")
    back = say_yes(person, begun.location)
    assert person.get(f"{application}{back.location}").text == "Logged in as ada"


@pytest.mark.browser
def test_register_a_single_page_app(open_guide: Callable[..., Guide], page: Page) -> None:
    guide = open_guide("register-a-single-page-app")
    guide.follow()
    page.goto(guide.reader.url(8000))
    page.click("#login")
    page.fill("#username", "ada")
    page.click("main button")
    page.click("button[value=yes]")
    page.wait_for_function("document.getElementById('message')?.textContent !== ''")
    assert page.text_content("#message") == "Logged in as ada"
    assert page.url == guide.reader.url(8000) + "/"
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_register_a_native_app(open_guide: Callable[..., Guide]) -> None:
    guide = open_guide("register-a-native-app", BROWSER="true")
    guide.follow()
    address = guide.reader.printed_in("third").splitlines()[0].removeprefix("Log in at ")
    assert "close this window" in say_yes(guide.person(), address).text
    guide.wait_until_printed("Logged in as ada", "third")


def test_register_a_machine(open_guide: Callable[..., Guide]) -> None:
    open_guide("register-a-machine").follow()


def test_decide_who_may_use_an_application(open_guide: Callable[..., Guide]) -> None:
    open_guide("decide-who-may-use-an-application").follow()


def test_give_applications_roles(open_guide: Callable[..., Guide]) -> None:
    guide = open_guide("give-applications-roles")
    guide.follow()


def test_connect_a_device(open_guide: Callable[..., Guide]) -> None:
    open_guide("connect-a-device").follow()


def test_register_an_api(open_guide: Callable[..., Guide]) -> None:
    open_guide("register-an-api").follow()


def test_what_your_client_needs(open_guide: Callable[..., Guide]) -> None:
    open_guide("what-your-client-needs").follow()


def test_let_clients_register(open_guide: Callable[..., Guide]) -> None:
    open_guide("let-clients-register").follow()


def test_let_mcp_clients_connect(open_guide: Callable[..., Guide]) -> None:
    open_guide("let-mcp-clients-connect").follow()


def test_log_people_out_everywhere(open_guide: Callable[..., Guide]) -> None:
    open_guide("log-people-out-everywhere").follow()


def test_protect_a_flask_api(open_guide: Callable[..., Guide]) -> None:
    open_guide("protect-a-flask-api").follow()


def test_protect_a_fastapi_api(open_guide: Callable[..., Guide]) -> None:
    open_guide("protect-a-fastapi-api").follow()


def test_protect_an_mcp_server(open_guide: Callable[..., Guide]) -> None:
    # With the SDK's client: tests/real_clients/test_mcp_sdk.py.
    open_guide("protect-an-mcp-server").follow()


def test_protect_an_api_in_any_language(open_guide: Callable[..., Guide]) -> None:
    open_guide("protect-an-api-in-any-language").follow()


def test_add_a_scope(open_guide: Callable[..., Guide]) -> None:
    guide = open_guide("add-a-scope")
    guide.follow()
    # The consent page says what the setting says.
    person = guide.person()
    client = person.create_client(scope="notes")
    assert "Read your notes" in person.ask(client, **Pkce().parameters).text


def test_add_a_claim(open_guide: Callable[..., Guide]) -> None:
    open_guide("add-a-claim").follow()


def test_add_a_specification(open_guide: Callable[..., Guide]) -> None:
    open_guide("add-a-specification").follow()


def test_groups_and_roles(open_guide: Callable[..., Guide]) -> None:
    open_guide("groups-and-roles").follow()


def test_send_email(open_guide: Callable[..., Guide]) -> None:
    open_guide("send-email").follow()


def test_rotate_keys(open_guide: Callable[..., Guide]) -> None:
    open_guide("rotate-keys").follow()


def test_find_out_why_it_fails(open_guide: Callable[..., Guide]) -> None:
    open_guide("find-out-why-it-fails").follow()


def test_run_on_postgresql(
    open_guide: Callable[..., Guide], create_application: Callable[..., Flask], create_database: Callable[[], str],
    sqlite_uri: str, tmp_path: Path,
) -> None:  # fmt: skip
    before = Provider(create_application())
    client = before.create_client("password", "refresh_token", scope="profile")
    tokens = before.log_in(client, "ada")
    moved = create_database()
    new = {"SQLALCHEMY_DATABASE_URI": create_database(), "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    guide = open_guide("run-on-postgresql", {"sqlite": sqlite_uri, "postgresql": moved}, **new)
    guide.follow()
    assert "ada" in guide.reader.printed[-2]
    assert client.client_id in guide.reader.printed[-1]

    after = Provider(create_application(SQLALCHEMY_DATABASE_URI=moved, initdb=False))
    assert after.is_active(client, tokens["access_token"])
    assert after.refresh(client, tokens["refresh_token"]).status == 200
    # What is new does not meet what was there.
    assert after.is_active(client, after.log_in(client, "grace")["access_token"])


#: What holds the guides that are not followed here: those for a machine of their own, as root, and those whose code has
#: tests elsewhere.
HELD_ELSEWHERE = {
    "add-a-language": "tests/routes/language/test_catalogues.py",
    "second-factors": "tests/routes/login/test_second_factor.py",
    "log-in-with-passkeys": "tests/browser/test_passkeys.py",
    "invite-people": "tests/users/test_joining.py",
    "run-in-production": "tests/deployment",
    "run-in-a-container": "tests/deployment/test_containers.py",
    "back-up-and-restore": "tests/database/test_backup.py",
    "embed-the-provider": "tests/examples/test_embedding.py",
    "change-the-look": "tests/routes/presentation/test_branding.py",
    "try-a-client": "tests/routes/clients/test_try_it.py",
}


def test_every_guide_is_followed() -> None:
    followed = set(re.findall(r'open_guide\("([\w-]+)"', Path(__file__).read_text()))
    for page in HOW_TO.glob("*.md"):
        if page.stem not in followed:
            assert (REPOSITORY / HELD_ELSEWHERE[page.stem]).exists(), page.stem


def test_every_listing_is_there_and_every_file_of_code_is_on_a_page() -> None:
    pages = "\n".join(page.read_text() for page in HOW_TO.glob("*.md"))
    for path in re.findall(r"^```\{literalinclude\} (\S+)$", pages, re.MULTILINE):
        assert (HOW_TO / path).exists(), path
    for path in HOW_TO.glob("code/*"):
        assert path.name == "__pycache__" or f"code/{path.name}" in pages, path.name


def test_every_guide_installs_what_its_code_needs() -> None:
    """The README's environment holds requirements.txt; what else a listing imports, its page installs."""
    pinned = (REPOSITORY / "requirements.txt").read_text()
    held = {name.lower().replace("-", "_") for name in re.findall(r"^([\w-]+)==", pinned, re.MULTILINE)}
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in HOW_TO.glob("*.md"):
        text = page.read_text()
        installed = set(" ".join(re.findall(r"^\$ pip install -q (.+)$", text, re.MULTILINE)).split())
        for extra in re.findall(r'"\.\[(\w+)\]"', " ".join(installed)):
            installed |= {re.split(r"\W", needed)[0] for needed in extras[extra]}
        for path in re.findall(r"^```\{literalinclude\} (code/\S+\.py)$", text, re.MULTILINE):
            code = (HOW_TO / path).read_text()
            imported = set(re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE))
            imported |= {"requests"} if "authlib.integrations" in code else set()
            imported = {{"jwt": "pyjwt"}.get(name, name) for name in imported}
            unknown = imported - set(sys.stdlib_module_names) - held - installed - {"website", "grantwright"}
            assert unknown == set(), f"{page.name}: {path}"
