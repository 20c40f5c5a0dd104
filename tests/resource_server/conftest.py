"""An issuer of another make, fresh for each test, and protectors that trust it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.issuer import RESOURCE, Issuer, open_issuer
from website.resource_server import Protector, RefusalError, Requirement


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with open_issuer() as opened:
        yield opened


@pytest.fixture
def protector(issuer: Issuer) -> Protector:
    return Protector(issuer.url, RESOURCE, credentials=("api", "secret"))


@pytest.fixture
def refuse() -> Callable[..., RefusalError]:
    """Check a token that must be refused; return the refusal, which must not contain the token."""

    def check(protector: Protector, token: str, *scopes: str, **requirement: Any) -> RefusalError:
        with pytest.raises(RefusalError) as refused:
            protector.check(f"Bearer {token}", Requirement(scopes, **requirement))
        refusal = refused.value
        assert token not in f"{refusal} {refusal.headers} {refusal.body}"
        return refusal

    return check
