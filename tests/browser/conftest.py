"""The sites that page tests visit: the demo and production, new for each test, as an operator sees every account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.client_site import ClientSite, open_client_site
from tests.browser.own_site import OwnSite, open_site


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSite]:
    with open_site(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSite]:
    with open_site(tmp_path_factory.mktemp("production"), is_demo=False) as site:
        yield site


@pytest.fixture(params=["demo", "production"])
def own_site(request: pytest.FixtureRequest) -> OwnSite:
    """The demo, then production."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def client_site() -> Iterator[ClientSite]:
    """Where codes go."""
    with open_client_site() as opened:
        yield opened
