"""The page after a logout opens an address of each client in a frame; its policy lets in these origins and no other."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import Answer
from tests.support.registering_client import ask as register
from tests.support.token_requests import Provider

METADATA = "/.well-known/openid-configuration"
ADDRESS = "https://client.example/front-channel?a=b"
BACK = "https://client.example/logged-out"
Create = Callable[..., Flask]


def create_site(provider: Provider, **metadata: Any) -> OpenIDClient:
    fields = {"frontchannel_logout_uri": ADDRESS, "post_logout_redirect_uris": [BACK], **metadata}
    site = OpenIDClient.create(provider, **fields)
    site.person.log_in("alice")
    return site


def frames_of(page: Answer) -> list[str]:
    return [html.unescape(address) for address in re.findall(r'<iframe[^>]* src="([^"]*)"', page.text)]


def policy_of(page: Answer) -> dict[str, str]:
    parts = (part.partition(" ") for part in page.headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _space, value in parts}


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    return create_site(stored_provider, frontchannel_logout_session_required=True)


def test_the_page_opens_the_client_s_address_with_issuer_and_login_and_goes_on(site: OpenIDClient) -> None:
    id_token = site.get_tokens()["id_token"]
    told = site.judge(id_token)
    page = site.person.get(f"/oauth/logout?id_token_hint={id_token}&post_logout_redirect_uri={BACK}&state=s")
    assert page.status == 200
    [frame] = frames_of(page)
    assert frame.startswith(ADDRESS)
    query = dict(parse_qsl(urlsplit(frame).query))
    assert query == {"a": "b", "iss": told["iss"], "sid": told["sid"]}
    assert f'href="{BACK}?state=s"' in page.text
    assert policy_of(page)["frame-src"] == "https://client.example"
    assert policy_of(page)["frame-ancestors"] == "'none'"
    assert site.person.get("/account/apps").status == 303


def test_without_session_required_it_is_opened_as_it_is(provider: Provider) -> None:
    site = create_site(provider)
    id_token = site.get_tokens()["id_token"]
    assert frames_of(site.person.get(f"/oauth/logout?id_token_hint={id_token}")) == [ADDRESS]


def test_every_button_that_logs_out_here_does_it(provider: Provider) -> None:
    site = create_site(provider)
    for path in ("/logout", "/account/sessions/sign_out_everywhere"):
        site.person.log_in("alice")
        site.get_tokens()
        page = site.person.post(path, site.person.get(path).hidden_fields())
        assert frames_of(page) == [ADDRESS]
        assert "You're logged out" in page.text


def test_a_client_that_knew_of_another_login_is_not_opened(provider: Provider) -> None:
    site, other = create_site(provider), create_site(provider)
    other.get_tokens()
    site.get_tokens(scope="profile")
    assert site.person.log_out().status == 303


def test_no_page_else_may_have_frames(provider: Provider) -> None:
    site = create_site(provider)
    assert "frame-src" not in policy_of(site.person.get("/"))


@pytest.mark.parametrize(
    "value",
    ["https://other.example/out", "http://client.example/out", "https://client.example:444/out", 5, ["x"]],
    ids=repr,
)
def test_an_address_elsewhere_than_the_redirect_uris_is_refused(provider: Provider, value: object) -> None:
    assert register(provider, frontchannel_logout_uri=value).error == "invalid_client_metadata"


@pytest.mark.parametrize("host", ["zz.example,frame-src", "zz.example;sandbox", "zz.example,default-src", "(zz)"])
def test_a_host_that_is_none_changes_no_policy(provider: Provider, host: str) -> None:
    """Refused today; registered before hosts were checked, it keeps nobody else from hearing of the logout."""
    uris = {"redirect_uris": [f"https://{host}/cb"], "frontchannel_logout_uri": f"https://{host}/fc"}
    assert register(provider, **uris).status == 400
    site = create_site(provider)
    provider.server.clients.update(site.client.row, {"frontchannel_logout_uri": f"https://{host}/fc"})
    good = OpenIDClient(provider, create_site(provider).client, site.person)
    good.get_tokens()
    id_token = site.get_tokens()["id_token"]
    page = site.person.get(f"/oauth/logout?id_token_hint={id_token}")
    assert ADDRESS in frames_of(page)
    assert policy_of(page)["frame-src"] == "https://client.example"
    assert host not in page.headers["Content-Security-Policy"]
    assert not {",", "sandbox"} & set(page.headers["Content-Security-Policy"].replace(";", " ").split())


def test_discovery_says_so_and_switched_off_there_are_no_frames(create_application: Create) -> None:
    with_it = Provider(create_application())
    described = with_it.get(METADATA).json
    assert described["frontchannel_logout_supported"] is described["frontchannel_logout_session_supported"] is True
    without = Provider(create_application(OAUTH2_SPECS={"oidc_front_channel_logout": False}))
    assert "frontchannel_logout_supported" not in without.get(METADATA).json
    site = create_site(without)
    id_token = site.get_tokens()["id_token"]
    assert frames_of(site.person.get(f"/oauth/logout?id_token_hint={id_token}")) == []
