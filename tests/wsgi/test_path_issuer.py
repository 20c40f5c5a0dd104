"""An issuer with a path, in the process itself: production below a path, and embedded in a host that is below one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.embedding_host import PREFIX, Host
from tests.support.token_requests import PRODUCTION, Provider, open_provider

PLACES = (
    "{0}/.well-known/openid-configuration", "/.well-known/openid-configuration{0}",
    "/.well-known/oauth-authorization-server{0}",
)  # fmt: skip


@pytest.fixture(scope="module", params=["/auth", "/a/b", "/oauth", "/api"])
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    settings = {**PRODUCTION, "OAUTH2_ISSUER": f"https://id.example{request.param}"}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


def get(provider: Provider, path: str, **headers: str) -> Any:
    return provider.open("GET", path, base_url="https://id.example", headers={"Accept": "text/html", **headers})


def path_of(provider: Provider) -> str:
    return str(provider.server.settings.issuer).removeprefix("https://id.example")


def test_the_metadata_is_at_all_three_places(provider: Provider) -> None:
    for place in PLACES:
        answer = get(provider, place.format(path_of(provider)))
        assert answer.json["issuer"] == provider.server.settings.issuer


@pytest.mark.parametrize("more", [{}, {"X-Forwarded-Prefix": "/auth"}, {"X-Forwarded-Prefix": "/evil"}])
@pytest.mark.parametrize("is_kept", [True, False])
def test_pages_and_addresses_answer_with_the_path_and_without_it(
    provider: Provider, is_kept: bool, more: dict[str, str]
) -> None:
    before = path_of(provider) if is_kept else ""
    asked = get(provider, f"{before}/account", **more)
    assert asked.headers["Location"] == f"{path_of(provider)}/?next={path_of(provider)}/account"
    page = get(provider, f"{before}/?next={path_of(provider)}/account", **more)
    assert f'href="{path_of(provider)}/static/' in page.body.decode()
    assert get(provider, f"{before}/oauth/jwks", **more).json["keys"]
    assert b"evil" not in page.body


@pytest.mark.usefixtures("secure_transport_required")
def test_a_host_below_a_path_may_keep_the_provider_below_another(tmp_path: Path, sqlite_uri: str) -> None:
    production = {**PRODUCTION, "OAUTH2_ISSUER": f"https://shop.example/shop{PREFIX}"}
    host = Host(sqlite_uri, tmp_path, **production)
    host.set_up()
    door = host.app.test_client()
    for base_url in ("https://shop.example", "https://shop.example/shop"):
        for place in (f"{PREFIX}/.well-known/openid-configuration", f"/.well-known/openid-configuration/shop{PREFIX}"):
            assert door.get(place, base_url=base_url).get_json()["issuer"] == f"https://shop.example/shop{PREFIX}"
        asked = door.get(f"{PREFIX}/account/apps", base_url=base_url)
        assert asked.headers["Location"].startswith("/shop/login?next=/shop/sso/account/apps")
    host.close()
