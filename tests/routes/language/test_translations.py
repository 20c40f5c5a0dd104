"""The language of pages: every text is in the catalogue, and a page is in the language that its reader prefers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel, get_locale, gettext

from tests.support.embedding_host import Visitor, open_hosts
from tests.support.every_page import API_SCOPES, Walk, admit, furnish, page_rules, password_links
from tests.support.marked_catalogue import CLOSING, LANGUAGE, OPENING, Reader, write_marked_catalogue
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI
from tests.support.token_requests import PRODUCTION
from tests.support.tried_flow import open_callback
from tools.write_catalogue import TEMPLATE, build_catalog, write_template
from website.routes.language.page_language import ENGLISH_BLUEPRINTS

#: What pages show that is nobody's to translate: names, also of languages, and words of the protocol.
NOT_TRANSLATED = {
    "English", "Français", "British",
    "Grantwright", "alice", "Photo", "Printer", "JWT", "PKCE", "RS256", "ES256", "PS256", "EdDSA", "JSON",
    "authorization_code", "refresh_token", "client_credentials", "localhost", "secret",
    "Flask", "FastAPI", "Next.js", "Go", "JavaScript", "Python",
    *("typ", "at+jwt", *API_SCOPES.split()),
}  # fmt: skip


class TextReader(HTMLParser):
    """Collects the words of a page that a person sees or hears, but for code, addresses and times."""

    SILENT = ("code", "pre", "script", "style", "textarea", "time")
    SPOKEN = ("alt", "aria-label", "data-label", "data-copy", "placeholder", "title")

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self.SILENT
        self.words += [f" {value} " for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(f" {data} ")

    def outside_marks(self) -> set[str]:
        """Return the words that no text of the catalogue encloses."""
        outside, depth = [], 0
        for character in "".join(self.words):
            depth += (character == OPENING) - (character == CLOSING)
            outside.append(" " if depth or character == CLOSING else character)
        return set(re.findall(r"[A-Za-z_]*[A-Za-z]{2}[\w.:/@-]*", "".join(outside)))


@pytest.fixture(scope="module", params=["demo", "production"])
def application(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("translations")
    write_marked_catalogue(folder)
    # An email has the language of its receiver, not of the page that shows it in the demo.
    config: dict[str, Any] = {"BABEL_TRANSLATION_DIRECTORIES": str(folder), "OAUTH2_SENDS_NOTICES": False}
    if request.param == "production":
        config |= PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}
    with open_application(tmp_path_factory.mktemp("instance"), **config) as made:
        yield made


def test_the_catalogue_has_the_texts_of_the_code() -> None:
    assert TEMPLATE.read_text(encoding="utf-8") == write_template(build_catalog()), "run make catalogue"


def test_every_text_of_every_page_is_translated(application: Flask) -> None:
    person = Reader(application.test_client())
    admit(person, application, "alice")
    beginnings = [
        open_callback(person, application),
        furnish(person, REDIRECT_URI),
        *password_links(application, "alice"),
        "/oauth/authorize",
    ]
    walks = [
        Walk(person, application, *beginnings, username="alice"),
        Walk(Reader(application.test_client()), application),
    ]
    missing = {}
    for walk in walks:
        for address in walk.pages:
            answer = walk.answers[address]
            endpoint = walk.endpoint_of(address, "GET") or ""
            is_operators_home = endpoint == "home.show_home" and walk is walks[0] and "again=1" not in address
            if is_operators_home or endpoint.partition(".")[0] in ENGLISH_BLUEPRINTS:
                assert '<html lang="en" dir="ltr">' in answer.text, address
                # What happened on the page before is told in that page's language.
                assert OPENING not in re.sub(r'<p class="notice".*?</p>', "", answer.text), address
                continue
            assert f'<html lang="{LANGUAGE}" dir="ltr">' in answer.text, address
            assert answer.headers["Content-Language"] == LANGUAGE, address
            words = TextReader(answer.text).outside_marks() - NOT_TRANSLATED
            words = {word for word in words if "://" not in word and "client.example" not in word}
            if words:
                missing[address] = words
    assert missing == {}
    assert len(walks[0].pages) > len(page_rules(application)) // 2


def test_what_was_typed_wrong_is_said_in_the_readers_language(application: Flask) -> None:
    person = Reader(application.test_client())
    admit(person, application, "mistyping")
    token = {"csrf_token": person.get("/account").hidden_fields()["csrf_token"]}
    answers = {
        "account": person.post("/account", {**token, "email": "no address", "locale": "\u200b"}),
        "deletion": person.post("/account/delete", token),
    }
    for what, answer in answers.items():
        assert answer.status == 422, what
        assert f"{OPENING}There are" in answer.text or f"{OPENING}There is" in answer.text, what
    assert f"{OPENING}This contains invisible characters. Type it again.{CLOSING}" in answers["account"].text
    assert f"{OPENING}Enter an email address, such as ada@example.org.{CLOSING}" in answers["account"].text
    person.post("/account", {**token, "nickname": "Ada"})
    assert f"{OPENING}Saved.{CLOSING}" in person.get("/account").text


def test_a_dates_month_is_in_the_readers_language(application: Flask) -> None:
    person = Reader(application.test_client())
    admit(person, application, "alice")
    months = re.findall(r'title="\S* ?\d+ (\S+) \d{4}', person.get("/account/sessions").text)
    assert months
    assert not {"January", "February", "March", "April", "June", "July", "August"} & set(months)


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        ("fr-CA,en;q=0.5", "fr"),
        ("en-US,fr;q=0.9", "en"),
        ("fr," + "de;q=0.1," * 40, "fr"),
        ("de", "en"),
        ("*", "en"),
        ("", "en"),
        ("\u00e9\0;;q=x", "en"),
    ],
)
def test_a_page_is_in_the_language_that_its_reader_prefers(application: Flask, languages: str, expected: str) -> None:
    page = Reader(application.test_client(), languages).get("/nowhere", Accept="text/html").text
    assert f'<html lang="{expected}" dir="ltr">' in page
    assert ("Page not found" in page, f"{OPENING}Page not found" in page) == (True, expected == LANGUAGE)


def test_answers_for_programs_stay_english(application: Flask) -> None:
    person = Reader(application.test_client())
    answers = [
        person.get("/nowhere", Accept="application/json").text,
        person.post("/oauth/token", {"grant_type": "nonsense"}).text,
        person.get("/.well-known/openid-configuration").text,
    ]
    assert [answer for answer in answers if OPENING in answer or "\\u27e6" in answer] == []


def test_words_of_the_operators_own_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "catalogues"
    write_marked_catalogue(folder)
    templates = tmp_path / "look" / "templates"
    templates.mkdir(parents=True)
    (templates / "logout.html").write_text(
        '{% extends "base.html" %}{% block main %}<p>Off?</p><p>{{ _("Log out") }}</p><p>{{ _("100%% ours") }}</p>'
        "{% trans %}<p>Bye</p>{% endtrans %}{% endblock %}"
    )
    config = {
        "BABEL_TRANSLATION_DIRECTORIES": str(folder),
        "OAUTH2_LOOK": str(tmp_path / "look"),
        "OAUTH2_DISPLAY_NAME": "Log out",
        "OAUTH2_SCOPES": {"profile": "Log out", "notes": "Read <b>notes</b>"},
    }
    instance = tmp_path / "instance"
    instance.mkdir()
    with open_application(instance, **config) as application:
        person = Reader(application.test_client())
        admit(person, application, "alice")
        page = person.get("/logout").text
        assert ["<p>Off?</p>" in page, f"<p>{OPENING}Log out{CLOSING}</p>" in page, "<p>100% ours</p>" in page] == [
            True
        ] * 3
        assert "<p>Bye</p>" in page
        assert "· Log out</title>" in page
        client = person.create_client(scope="profile notes")
        consent = person.ask(client, code_challenge="c" * 43, code_challenge_method="S256", scope="profile notes").text
        assert "<li>Log out</li>" in consent
        assert "<li>Read &lt;b&gt;notes&lt;/b&gt;</li>" in consent


def test_a_name_in_a_text_is_escaped(application: Flask) -> None:
    person = Reader(application.test_client())
    admit(person, application, "alice")
    client = person.create_client(client_name="<script>%(name)s</script> & 100% 'Sons'")
    page = person.ask(client, code_challenge="c" * 43, code_challenge_method="S256").text
    assert "<script>%(name)s" not in page
    assert "&lt;script&gt;%(name)s&lt;/script&gt; &amp; 100% &#39;Sons&#39;" in page
    clients = application.extensions["grantwright"].clients
    clients.delete(clients.find(client.client_id).id)  # for the tests that read every page


# In an application that embeds the provider


@pytest.mark.parametrize("has_babel", [True, False])
def test_an_embedding_applications_translations_and_the_providers_do_not_mix(tmp_path: Path, has_babel: bool) -> None:
    write_marked_catalogue(tmp_path / "host")
    settings = {"BABEL_DEFAULT_LOCALE": LANGUAGE, "BABEL_TRANSLATION_DIRECTORIES": str(tmp_path / "host")}
    uri = f"sqlite:///{tmp_path / 'host.sqlite'}"
    with open_hosts(uri, tmp_path) as create:
        host = create(**(settings if has_babel else {}))
        if has_babel:
            Babel(host.app)

            @host.app.get("/own-page")
            def show_own_page() -> str:
                Visitor(host.app.test_client()).below().get("/account/apps")  # while a request of the host's is served
                return f"{get_locale()}: {gettext('Log out')}"

        visitor = Visitor(host.app.test_client())
        visitor.log_in()
        page = visitor.below().get("/account/apps", **{"Accept-Language": LANGUAGE}).text
        assert f'<html lang="{LANGUAGE}" dir="ltr">' in page
        assert "Aucune application n" in page
        assert OPENING not in page
        if has_babel:
            assert visitor.get("/own-page").text == f"{LANGUAGE}: {OPENING}Log out{CLOSING}"
