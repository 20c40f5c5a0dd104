"""Login begun elsewhere: a person opens an application from the page of connected apps."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.registering_client import Registration
from tests.support.token_requests import Provider

APPS = "/account/apps"
Create = Callable[..., Flask]


def links_to(site: OpenIDClient, host: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(rf'href="(https://{host}[^"]*)"', site.person.get(APPS).text)]


def create_site(provider: Provider, address: str) -> OpenIDClient:
    site = OpenIDClient.create(provider, initiate_login_uri=address)
    site.person.log_in("alice")
    site.get_tokens()
    return site


@pytest.mark.parametrize(
    ("registered", "opened"),
    [
        ("https://one.example/login", "https://one.example/login?iss=http%3A%2F%2F127.0.0.1%3A5000"),
        ("https://two.example/login?a=b", "https://two.example/login?a=b&iss=http%3A%2F%2F127.0.0.1%3A5000"),
    ],
)
def test_a_person_opens_an_application_which_is_told_who_the_issuer_is(
    provider: Provider, registered: str, opened: str
) -> None:
    site = create_site(provider, registered)
    host = registered.split("/")[2]
    found = links_to(site, host)
    assert set(found) == {opened.replace("127.0.0.1%3A5000", "localhost")} or set(found) == {opened}


def test_a_client_registers_where_it_begins(provider: Provider) -> None:
    address = "https://client.example/login"
    assert Registration.create(provider, initiate_login_uri=address).said["initiate_login_uri"] == address


def test_switched_off_there_is_no_such_link(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_third_party_login": False}))
    assert links_to(create_site(provider, "https://three.example/login"), "three.example") == []
