"""People's pages in the languages that come with the server: login, consent, account, errors, and plural forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.embedding_host import Visitor, open_hosts
from tests.support.every_page import admit
from tests.support.marked_catalogue import Reader
from tests.support.one_application import open_application
from tests.support.person import RegisteredClient
from tests.support.token_requests import PRODUCTION

PKCE = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
#: By what a browser sends: the page's language, and words of login, consent, account and error.
WORDS = {
    "de-AT,en;q=0.5": ("de", "Anmelden", "möchte auf Ihr Konto zugreifen", "Wie Sie sich anmelden", "Seite nicht"),
    "fr": ("fr", "Se connecter", "souhaite accéder à votre compte", "Comment vous vous connectez", "Page introuvable"),
    "es-MX": ("es", "Iniciar sesión", "quiere acceder a tu cuenta", "Cómo inicias sesión", "Página no encontrada"),
    "zh-CN,zh;q=0.9": ("zh-Hans", "登录", "想要访问您的账号", "登录方式", "找不到页面"),
    "nb": ("en", "Log in", "wants to access your account", "How you log in", "Page not found"),
}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    own_site = {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}
    with open_application(tmp_path_factory.mktemp("instance"), **(PRODUCTION | own_site)) as made:
        admit(Reader(made.test_client(), "en"), made, "alice")
        yield made


@pytest.fixture(scope="module")
def client(application: Flask) -> RegisteredClient:
    operator = Reader(application.test_client(), "en")
    admit(operator, application, "alice")
    return operator.create_client()


@pytest.mark.parametrize("tags", WORDS)
def test_pages_are_in_the_language_of_the_browser(application: Flask, client: RegisteredClient, tags: str) -> None:
    language, login, consent, account, error = WORDS[tags]
    person = Reader(application.test_client(), tags)
    pages = {login: person.get("/"), error: person.get("/nowhere")}
    admit(person, application, "alice")
    pages |= {consent: person.ask(client, **PKCE, scope="profile"), account: person.get("/account")}
    for words, page in pages.items():
        assert f'<html lang="{language}" dir="ltr">' in page.text
        assert words in page.text
        assert page.headers["Content-Language"] == language


def test_discovery_lists_the_languages(application: Flask) -> None:
    answer = application.test_client().get("/.well-known/openid-configuration", base_url="https://localhost")
    assert json.loads(answer.text)["ui_locales_supported"] == ["en", "de", "es", "fr", "zh-Hans"]


@pytest.mark.parametrize(
    ("tags", "one", "several"),
    [
        ("de", "1 Gerät", r"\d+ Geräte"),
        ("fr", "1 appareil", r"\d+ appareils"),
        ("es", "1 dispositivo", r"\d+ dispositivos"),
        ("zh", "1 台设备", r"\d+ 台设备"),
    ],
)
def test_a_number_has_the_form_of_its_language(application: Flask, tags: str, one: str, several: str) -> None:
    person = Reader(application.test_client(), tags)
    admit(person, application, f"plural-{tags}")
    assert f">{one}<" in person.get("/account").text
    admit(Reader(application.test_client(), tags), application, f"plural-{tags}")
    assert re.search(f">{several}<", person.get("/account").text)


@pytest.mark.parametrize(
    ("tags", "day"),
    [
        ("de", r"\d+\. [A-Zä-ü][a-zä-ü]+ \d{4}"),
        ("fr", r"\d+ [a-zéû]+ \d{4}"),
        ("es", r"\d+ de [a-z]+ de \d{4}"),
        ("zh", r"\d{4}年\d+月\d+日"),
    ],
)
def test_a_day_is_written_as_in_its_language(application: Flask, tags: str, day: str) -> None:
    person = Reader(application.test_client(), tags)
    admit(person, application, "alice")
    assert re.search(f'title="{day}', person.get("/account/sessions").text)


def test_a_hosts_translations_stay_its_own_while_the_providers_pages_are_translated(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path / 'host.sqlite'}", tmp_path) as create:
        visitor = Visitor(create().app.test_client())
        visitor.log_in()
        page = visitor.below().get("/account/apps", **{"Accept-Language": "de"})
        assert '<html lang="de" dir="ltr">' in page.text
        assert "Keine App hat Zugriff" in page.text
        menu = re.search(r'<form method="post" action="/sso/language', page.text)
        assert menu
