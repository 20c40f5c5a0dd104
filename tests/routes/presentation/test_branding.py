"""The look that an operator gives the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.live_server import LiveServer
from tests.support.person import Person
from website import __version__
from website.settings import SettingsError

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

GUIDES_LOOK = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "code" / "look"
#: The guide's --pico-primary-background.
BLUE = "rgb(29, 79, 145)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "look"
    (folder / "templates").mkdir(parents=True)
    (folder / "static").mkdir()
    return folder


def test_the_pages_have_the_name_that_the_operator_gave(create_application: Callable[..., Flask]) -> None:
    page = Person(create_application(OAUTH2_DISPLAY_NAME="Example <Org>").test_client()).get("/").text

    assert "· Example &lt;Org&gt;</title>" in page
    assert "Grantwright" not in page


def test_the_foot_of_a_page_has_the_links_that_the_operator_set(create_application: Callable[..., Flask]) -> None:
    application = create_application(
        OAUTH2_SUPPORT_URL="mailto:help@example.org",
        OAUTH2_PRIVACY_URL="https://example.org/privacy",
        OAUTH2_SHOW_VERSION=True,
    )
    page = Person(application.test_client()).get("/").text
    foot = page[page.index("<footer") :]

    assert re.findall('href="([^"]+)"[^>]*>([^<]+)<', foot) == [
        ("mailto:help@example.org", "Support"),
        ("https://example.org/privacy", "Privacy"),
    ]
    assert f"Grantwright {__version__}" in foot


def test_a_page_has_no_foot_where_nothing_is_set(create_application: Callable[..., Flask]) -> None:
    application = create_application(OAUTH2_LANGUAGES=["en"])
    assert "<footer" not in Person(application.test_client()).get("/").text


@pytest.mark.parametrize("address", ["javascript:alert(1)", "example.org", "ftp://example.org/"])
def test_a_link_that_no_browser_could_follow_stops_the_start(
    create_application: Callable[..., Flask], address: str
) -> None:
    with pytest.raises(SettingsError, match="OAUTH2_SUPPORT_URL: write an https or mailto URL"):
        create_application(OAUTH2_SUPPORT_URL=address)


def test_every_page_asks_for_the_font_first_and_for_nothing_elsewhere(create_application: Callable[..., Flask]) -> None:
    browser = create_application().test_client()
    page = browser.get("/").text
    [font] = re.findall('rel="preload" as="font" type="font/woff2" crossorigin href="([^"]+)"', page)
    with browser.get(font) as answer:
        assert (answer.status_code, answer.mimetype, answer.data[:4]) == (200, "font/woff2", b"wOF2")
    assert [
        address for address in re.findall('(?:href|src)="([^"]+)"', page) if not address.startswith(("/", "#"))
    ] == []


def test_a_stylesheet_and_a_mark_of_ones_own_are_served_and_kept(
    create_application: Callable[..., Flask], folder: Path
) -> None:
    (folder / "static" / "look.css").write_text(":root { --pico-primary: #204a87; }")
    (folder / "static" / "mark.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    browser = create_application(OAUTH2_LOOK=str(folder)).test_client()
    page = browser.get("/").text

    assert page.index("/static/grantwright.css") < page.index("/look/look.css")
    assert page.count("/look/mark.svg") == 2
    assert "/static/mark.svg" not in page
    for path in ("/look/look.css", "/look/mark.svg"):
        with browser.get(path) as answer:
            assert answer.status_code == 200
            assert "no-store" not in answer.headers["Cache-Control"]
    (folder / "templates" / "base.html").write_text("ours")
    (folder / "static" / ".env").write_text("SECRET=1")
    for path in ("../templates/base.html", "%2e%2e/templates/base.html", "..%2ftemplates/base.html", ".env"):
        assert browser.get(f"/look/{path}").status_code == 404, path


def test_a_template_of_ones_own_replaces_ours_and_may_extend_it(
    create_application: Callable[..., Flask], folder: Path
) -> None:
    (folder / "templates" / "base.html").write_text(
        '{% extends "grantwright/base.html" %}{% block footer %}<p>Ask us.</p>{% endblock %}'
    )
    (folder / "templates" / "logout.html").write_text('{% extends "base.html" %}{% block main %}Off?{% endblock %}')
    person = Person(create_application(OAUTH2_LOOK=str(folder)).test_client())
    person.log_in("<b>ada</b>")

    assert "Off?" in person.get("/logout").text
    assert [path for path in ("/", "/logout", "/nowhere") if "Ask us." not in person.get(path).text] == []
    assert "&lt;b&gt;ada&lt;/b&gt;" in person.get("/logout").text


def test_a_broken_template_is_named_by_check_config(create_application: Callable[..., Flask], folder: Path) -> None:
    (folder / "templates" / "login.html").write_text("fine\n{% block main %}")
    result = create_application(OAUTH2_LOOK=str(folder)).test_cli_runner().invoke(args=["check-config"])

    assert "login.html, line 2" in result.output


def test_a_folder_that_is_not_there_stops_the_start(create_application: Callable[..., Flask], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OAUTH2_LOOK: there is no such folder"):
        create_application(OAUTH2_LOOK=str(tmp_path / "nowhere"))


def test_the_look_of_the_guide_works_as_it_stands(live_server: Callable[..., LiveServer], page: Page) -> None:
    server = live_server("flask", {"OAUTH2_LOOK": str(GUIDES_LOOK), "OAUTH2_DISPLAY_NAME": "Example Org"})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(server.url)

    assert page.inner_text(".brand").strip() == "Example Org"
    assert page.inner_text("footer") == "Questions? Ask the help desk."
    assert page.eval_on_selector(".brand img", "image => image.naturalWidth") > 0
    assert page.eval_on_selector("main button", "button => getComputedStyle(button).backgroundColor") == BLUE
    assert problems == []
    assert server.run_command("check-config") == "The configuration is valid for the demo.\n"
