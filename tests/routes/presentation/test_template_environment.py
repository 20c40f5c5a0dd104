"""URLs in templates are those of Flask, though they are built once."""

from __future__ import annotations

import pytest
from flask import Flask

NEXT_PAGES = ("/", "/oauth/authorize?client_id=a%20b&state=%2B+&x=ü&y=[1]", "/a?b=c&d=e#f", '/"><script>', "")


@pytest.mark.parametrize("script_root", ["", "/below"])
def test_a_page_to_go_on_to_is_encoded_as_flask_does(application: Flask, script_root: str) -> None:
    url_for = application.jinja_env.globals["url_for"]
    with application.test_request_context(environ_overrides={"SCRIPT_NAME": script_root}):
        for endpoint in ("login.log_user_in", "sign_up.show_sign_up", "passkey_login.log_in_with_passkey"):
            assert url_for(endpoint, next=None) == application.url_for(endpoint, next=None)
            for next_page in NEXT_PAGES:
                assert url_for(endpoint, next=next_page) == application.url_for(endpoint, next=next_page)
