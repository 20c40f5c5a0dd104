"""The cookie of a session, which a browser drops where it is over 4 KiB."""

from __future__ import annotations

from flask import Flask

from tests.support.person import Person
from website.routes.browser.session_cookie import MAX_FLASH_CHARACTERS, cut_flashes

BROWSER_LIMIT = 4093


def test_the_session_fits_its_cookie_where_nobody_opens_the_next_page(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in()
    form = {**person.get("/create_client").hidden_fields(), "client_name": "Notes", "scope": "profile"}
    form |= {"redirect_uri": "https://client.example/cb", "grant_type": "authorization_code", "response_type": "code"}
    form |= {"token_endpoint_auth_method": "client_secret_basic", "client_uri": "https://client.example"}
    assert person.post("/create_client", form).status == 200
    for _ in range(60):
        answer = person.post("/create_client", form)
        assert answer.status == 303
        assert len(answer.headers["Set-Cookie"]) < BROWSER_LIMIT
    assert person.get(answer.location).text.count("You already sent this form") == 1


def test_the_newest_messages_stay_each_once_and_a_long_one_is_shortened() -> None:
    first, second = ("message", "Saved."), ("message", "b is gone.")
    assert cut_flashes([first, second, first]) == [second, first]
    long = "字" * (MAX_FLASH_CHARACTERS * 2)
    ((category, kept),) = cut_flashes([first, ("message", long)])
    assert (category, len(kept), kept[-1]) == ("message", MAX_FLASH_CHARACTERS, "…")
