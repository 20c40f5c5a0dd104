"""The language of people's pages: what the person chose, what the app asks for, what the browser prefers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.every_page import admit
from tests.support.marked_catalogue import OPENING, Reader, write_marked_catalogue
from tests.support.one_application import open_application
from tests.support.person import Answer, read_hidden_fields
from tests.support.token_requests import PRODUCTION
from tests.support.waiting import ANSWER_SECONDS
from website.app import create_app
from website.languages import Languages
from website.settings import SettingsError

LANGUAGES = ("ar", "de", "fr", "zh_Hans")
OWN_SITE = {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}
PKCE = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
METADATA = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("catalogues")
    for language in LANGUAGES:
        write_marked_catalogue(folder, language)
    return str(folder)


@pytest.fixture(scope="module")
def application(catalogues: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    config = PRODUCTION | OWN_SITE | {"BABEL_TRANSLATION_DIRECTORIES": catalogues}
    with open_application(tmp_path_factory.mktemp("instance"), **config) as made:
        yield made


def language_of(page: Answer) -> str:
    found = re.search(r'<html lang="([^"]+)"', page.text)
    assert found, page.text
    language = found.group(1)
    assert page.headers["Content-Language"] == language
    assert (OPENING in page.text) == (language != "en")
    return language


def choose(person: Reader, language: str, next_page: str = "/account", **headers: str) -> Answer:
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/").text)
    fields = {"csrf_token": token.group(1) if token else "", "language": language}
    return person.post(f"/language?next={next_page}", fields, Origin="https://localhost", **headers)


def account_of(application: Flask, username: str) -> Any:
    return application.extensions["grantwright"].users.find_row(username)


# Which language fits


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("de", "de"),
        ("DE-at", "de"),
        ("de-CH-1996", "de"),
        ("fr-CA en", "fr"),
        ("en-GB de", "en"),
        ("nb-NO de", "de"),
        ("zh", "zh_Hans"),
        ("zh-CN", "zh_Hans"),
        ("zh-Hans-SG", "zh_Hans"),
        ("zh-TW de", "de"),
        ("zh-Hant zh", "zh_Hans"),
        ("pt", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("x-private i-klingon nonsense 123", None),
        ("d", None),
        ("\u00e9 %s <b> ar", "ar"),
        ("tlh " * 30 + "de", None),
        ("", None),
    ],
)
def test_a_tag_finds_the_language_in_its_script(tags: str, expected: str | None) -> None:
    found = Languages(["en", *LANGUAGES, "pt_BR"]).find(tags)
    assert (None if found is None else str(found)) == expected


def test_a_tag_finds_its_region_first() -> None:
    languages = Languages(["pt_BR", "pt_PT", "en"])
    assert [str(languages.find(tag)) for tag in ("pt-PT", "pt-BR", "pt", "pt-AO")] == [
        *("pt_PT", "pt_BR", "pt_BR", "pt_BR"),
    ]


# What the app asks for


def test_discovery_lists_the_languages_there_are(application: Flask, tmp_path: Path, catalogues: str) -> None:
    def listed(app: Flask) -> object:
        return json.loads(app.test_client().get(METADATA, base_url="https://localhost").text).get(
            "ui_locales_supported"
        )

    assert listed(application) == ["en", "ar", "de", "fr", "zh-Hans"]
    config = PRODUCTION | OWN_SITE | {"BABEL_TRANSLATION_DIRECTORIES": catalogues, "OAUTH2_LANGUAGES": ["en"]}
    with open_application(tmp_path, **config) as alone:
        assert listed(alone) is None
        page = Reader(alone.test_client(), "de").get("/")
        assert language_of(page) == "en"
        assert 'action="/language' not in page.text


@pytest.mark.parametrize("more", [{}, {"prompt": "login"}], ids=["by its address", "kept with its transaction"])
def test_an_app_asks_for_the_language_of_login_and_consent(application: Flask, more: dict[str, str]) -> None:
    operator, person = Reader(application.test_client(), "en"), Reader(application.test_client(), "fr")
    admit(operator, application, "operator")
    admit(person, application, "asked")
    client = operator.create_client()
    visitor = Reader(application.test_client(), "fr")
    sent = visitor.ask(client, **PKCE, scope="profile", ui_locales="tlh de-AT en", **more)
    login = visitor.get(sent.location)
    assert language_of(login) == "de"
    address = re.search(r'action="(/\?next=[^"]+)"', login.text)
    assert address
    path = address.group(1).replace("&amp;", "&")
    fields = {**login.hidden_fields(), "username": "asked", "password": "wrong"}
    wrong = visitor.post(path, fields)
    assert (wrong.status, language_of(wrong)) == (422, "de")
    done = visitor.post(path, {**fields, "password": "correct horse battery staple"})
    consent = visitor.get(done.location)
    assert language_of(consent) == "de"
    again = visitor.post("/oauth/authorize", {**consent.hidden_fields(), "confirm": "yes", "shown": "other"})
    assert language_of(again) == "de"
    assert "code=" in visitor.decide(again).location
    expired = visitor.decide(consent)
    assert (expired.status, language_of(expired)) == (400, "de")
    assert language_of(visitor.get("/account")) == "fr"


def test_an_error_of_a_request_is_in_the_language_that_it_asks_for(application: Flask) -> None:
    page = Reader(application.test_client(), "fr").ask("nobody", ui_locales="de")
    assert (page.status, language_of(page)) == (400, "de")
    assert '<p lang="en" dir="ltr">' in page.text  # what is for the app's developer is in English


def test_a_logout_request_asks_for_a_language(application: Flask) -> None:
    person = Reader(application.test_client(), "fr")
    admit(person, application, "leaving")
    question = person.get("/oauth/logout?ui_locales=de")
    assert language_of(question) == "de"
    posted = person.post("/oauth/logout", {"ui_locales": "ar"})
    assert language_of(person.get(posted.location)) == "ar"
    action = re.search(r'action="(/oauth/logout[^"]*)"', question.text)
    assert action
    done = person.post(action.group(1), {**question.hidden_fields(), "confirm": "yes"})
    assert language_of(done) == "de"


# What the person chose


def test_a_language_is_chosen_in_the_menu_without_an_account(application: Flask) -> None:
    person = Reader(application.test_client(), "fr")
    login = person.get("/?next=/account")
    menu = re.search(r'<form method="post" action="(/language\?next=[^"]+)">.*?</form>', login.text, re.DOTALL)
    assert menu
    assert re.findall(r'name="language" value="([^"]+)" lang="\1"', menu.group(0)) == [
        "en",
        "ar",
        "de",
        "fr",
        "zh-Hans",
    ]
    assert 'value="fr" lang="fr" aria-current="true">Français' in menu.group(0)
    answer = person.post(menu.group(1), {**read_hidden_fields(menu.group(0)), "language": "zh-Hans"})
    assert (answer.status, answer.location) == (303, "/?next=/account")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-grantwright_language=zh-Hans; ") or "_language=zh-Hans; " in cookie
    assert all(
        attribute in cookie for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=31536000")
    )
    assert language_of(person.get(answer.location)) == "zh-Hans"
    assert language_of(person.get("/?ui_locales=de")) == "zh-Hans"  # what a person chose goes before what an app asks


def test_an_error_page_has_the_menu_without_the_address_that_failed(application: Flask) -> None:
    person = Reader(application.test_client(), "fr")
    address = "/oauth/authorize?client_id=unknown-4711&response_type=code"
    for failed in (address, "/nowhere-4711"):
        page = person.get(failed).text
        menu = re.search(r'<form method="post" action="(/language)">.*?</form>', page, re.DOTALL)
        assert menu
        assert "4711" not in page
        fields = {**read_hidden_fields(menu.group(0)), "language": "de"}
        answer = person.post(menu.group(1), fields, Referer=f"https://localhost{failed}")
        assert (answer.status, answer.location) == (303, failed)
        assert language_of(person.get(failed)) == "de"


@pytest.mark.parametrize(
    "referrer",
    ["", "https://other.example/account", "https://localhost.other.example/", "https://localhost//other.example"],
)
def test_a_choice_of_language_never_leads_to_another_site(application: Flask, referrer: str) -> None:
    assert choose(Reader(application.test_client()), "de", "", Referer=referrer).location == "/"


@pytest.mark.parametrize("language", ["tlh", "", "zh_Hans", "de\r\nSet-Cookie: a=b", "../de"])
def test_a_language_that_there_is_not_is_not_taken(application: Flask, language: str) -> None:
    answer = choose(Reader(application.test_client()), language)
    assert (answer.status, "language=" in answer.headers.get("Set-Cookie", "")) == (400, False)


def test_the_menu_leads_to_no_other_site_and_is_taken_from_none(application: Flask) -> None:
    person = Reader(application.test_client())
    assert choose(person, "de", "//evil.example").location == "/"
    token = person.get("/").hidden_fields()["csrf_token"]
    assert (
        person.post("/language", {"csrf_token": token, "language": "ar"}, Origin="https://evil.example").status == 400
    )
    assert "Set-Cookie" not in person.post("/language", {"language": "ar"}).headers
    assert language_of(person.get("/")) == "de"


def test_an_accounts_choice_holds_in_every_browser_and_goes_before_all_else(application: Flask) -> None:
    person, elsewhere = Reader(application.test_client(), "fr"), Reader(application.test_client(), "en")
    admit(person, application, "chooser")
    admit(elsewhere, application, "chooser")
    choose(Reader(elsewhere.door, "en"), "ar")
    assert language_of(elsewhere.get("/account?ui_locales=fr")) == "ar"
    assert account_of(application, "chooser").locale == "ar"
    page = person.get("/account")
    assert language_of(page) == "ar"
    assert '<option value="ar" lang="ar" selected>العربية</option>' in page.text
    saved = person.post("/account", {**page.hidden_fields(), "locale": "de"})
    assert "_language=de; " in saved.headers["Set-Cookie"]
    page = person.get(saved.location)
    assert language_of(page) == "de"
    assert f"{OPENING}Saved." in page.text
    assert language_of(elsewhere.get("/account")) == "de"
    person.log_out()
    assert language_of(person.get("/")) == "de"  # the browser keeps it
    cleared = elsewhere.post("/account", {**elsewhere.get("/account").hidden_fields(), "locale": ""})
    assert "_language=; " in cleared.headers["Set-Cookie"]
    assert language_of(elsewhere.get("/account")) == "en"


def test_choosing_a_language_keeps_its_region_for_apps(application: Flask) -> None:
    person = Reader(application.test_client(), "fr")
    admit(person, application, "british")
    page = person.get("/account")
    person.post("/account", {**page.hidden_fields(), "locale": "en-GB"})
    page = person.get("/account")
    assert language_of(page) == "en"
    assert '<option value="en-GB" lang="en-GB" selected>British English</option>' in page.text
    choose(person, "en")
    assert account_of(application, "british").locale == "en-GB"
    choose(person, "de")
    assert account_of(application, "british").locale == "de"
    person.post("/account", {**person.get("/account").hidden_fields(), "locale": "nb-NO"})
    page = person.get("/account")
    assert language_of(page) == "fr"  # no page is in Norwegian: as the browser prefers
    assert '<option value="nb-NO" lang="nb-NO" selected>Norsk bokmål (Norge)</option>' in page.text


def test_where_the_operator_sets_the_language_a_browser_can_choose_another(tmp_path: Path, catalogues: str) -> None:
    config = PRODUCTION | OWN_SITE | {"BABEL_TRANSLATION_DIRECTORIES": catalogues}
    with open_application(tmp_path, **config, OAUTH2_EDITABLE_CLAIMS=["name"]) as application:
        person = Reader(application.test_client(), "fr")
        admit(person, application, "alice")
        application.test_cli_runner().invoke(args=["users", "set", "alice", "--locale", "de"])
        assert language_of(person.get("/account")) == "de"
        choose(person, "ar")
        assert language_of(person.get("/account")) == "ar"
        assert account_of(application, "alice").locale == "de"


# Which languages there are


def test_the_operator_chooses_the_languages_and_their_order(tmp_path: Path, catalogues: str) -> None:
    config = {"BABEL_TRANSLATION_DIRECTORIES": catalogues, "OAUTH2_LANGUAGES": ["de", "zh-hans"]}
    with open_application(tmp_path, **config) as application:
        pages = [Reader(application.test_client(), tags).get("/") for tags in ("fr", "en-GB", "zh-CN, de;q=0.5")]
        assert [language_of(page) for page in pages] == ["de", "de", "zh-Hans"]
        metadata = json.loads(application.test_client().get(METADATA).text)
        assert metadata["ui_locales_supported"] == ["de", "zh-Hans"]
        person = Reader(application.test_client(), "de")
        admit(person, application, "alice")
        assert language_of(person.get("/")) == "en"  # for developers
    with pytest.raises(SettingsError, match=r"OAUTH2_LANGUAGES: there is no catalogue for tlh; there is en, ar, de"):
        create_app({**config, "OAUTH2_LANGUAGES": ["de", "tlh"], "OAUTH2_INSTANCE_PATH": str(tmp_path)})


def test_a_page_says_what_its_language_depends_on(application: Flask) -> None:
    person = Reader(application.test_client(), "ar")
    page = person.get("/")
    assert {name.strip() for name in page.headers["Vary"].split(",")} == {"Accept-Language", "Cookie"}
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "Content-Language" not in person.get("/static/grantwright.css").headers
    assert "Content-Language" not in person.get("/nowhere", Accept="application/json").headers
    developers = person.get("/errors")
    assert '<html lang="en" dir="ltr">' in developers.text
    assert "Accept-Language" not in developers.headers.get("Vary", "")
    assert 'action="/language' not in developers.text


def test_two_people_at_once_read_their_own_languages(application: Flask) -> None:
    found: dict[str, set[str]] = {"de": set(), "ar": set()}

    def read(language: str) -> None:
        person = Reader(application.test_client(), language)
        for _number in range(25):
            found[language].add(language_of(person.get("/")))

    threads = [threading.Thread(target=read, args=(language,)) for language in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ANSWER_SECONDS)
    assert found == {"de": {"de"}, "ar": {"ar"}}
