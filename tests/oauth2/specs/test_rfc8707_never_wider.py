"""Whatever sequence of requests a client sends, no token has a scope at an API that a person didn't allow there."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.person import Answer, code_of
from tests.support.resource_client import ResourceClient, create_api
from tests.support.token_requests import Provider
from website.resources import Resource

#: The APIs share scopes, so that a scope at one may be mistaken for the same one at another.
SCOPES = {"photos": "read write", "notes": "read list", "walls": "read write list"}
VALUES = ["openid", "profile", "read", "write", "list"]
ISSUER = "http://127.0.0.1:5000"

apis = st.lists(st.sampled_from([*SCOPES]), unique=True, max_size=2)
scopes = st.none() | st.lists(st.sampled_from(VALUES), unique=True, min_size=1, max_size=3)
steps = st.lists(
    st.tuples(st.sampled_from(["authorize", "exchange", "refresh", "repeat"]), apis, scopes), min_size=3, max_size=9
)


@dataclass
class Sequence:
    """A client's requests, and what the person has said yes to."""

    site: ResourceClient
    resources: dict[str, Resource]
    allowed: set[tuple[str, str]] = field(default_factory=set)
    codes: list[str] = field(default_factory=list)
    refresh_tokens: list[str] = field(default_factory=list)

    def authorize(self, names: list[str], scope: list[str] | None) -> None:
        page = self.site.ask(self._scope(scope), *self._identifiers(names))
        if page.status == 200:
            self._note(page, names, scope)
            page = self.site.person.decide(page)
        if "code" in page.query:
            self.codes.append(code_of(page))

    def _note(self, page: Answer, names: list[str], scope: list[str] | None) -> None:
        """Note what the page says: the description of each scope, below the name of its API."""
        for name in names:
            heading = f"<strong>{name}</strong>"
            assert heading in page.text
            part = page.text.split(heading)[1].split("<strong>")[0]
            self.allowed |= {(name, value) for value in SCOPES[name].split() if f"Do {value}" in part}
        if scope is not None:
            self.allowed |= {("", value) for value in scope if value in ("openid", "profile")}
        if not names:
            self.allowed |= {("", value) for value in ("openid", "profile", "email", "photos")}

    def exchange(self, names: list[str], scope: list[str] | None) -> None:
        if self.codes:
            self._check(self.site.exchange(self.codes.pop(), *self._identifiers(names)).json)

    def refresh(self, names: list[str], scope: list[str] | None) -> None:
        if self.refresh_tokens:
            asked = {} if scope is None else {"scope": self._scope(scope) or ""}
            token = self.refresh_tokens[-1]
            self._check(self.site.refresh(token, *self._identifiers(names), **asked).json)

    def repeat(self, names: list[str], scope: list[str] | None) -> None:
        """Send the token before the last one again."""
        if len(self.refresh_tokens) > 1:
            asked = {} if scope is None else {"scope": self._scope(scope) or ""}
            self._check(self.site.refresh(self.refresh_tokens[-2], *self._identifiers(names), **asked).json)

    def _check(self, given: dict[str, str]) -> None:
        if "access_token" not in given:
            assert given["error"] in ("invalid_target", "invalid_scope", "invalid_grant")
            return
        if "refresh_token" in given:
            self.refresh_tokens.append(given["refresh_token"])
        audience, values = self.site.describe(given["access_token"])
        names = {resource.identifier: name for name, resource in self.resources.items()}
        for value in values:
            if ("", value) in self.allowed:
                continue
            owners = [names[one] for one in audience if one in names and value in SCOPES[names[one]].split()]
            assert owners, (value, audience)
            # Each API in the audience takes the scope for its own.
            assert all((owner, value) in self.allowed for owner in owners), (value, owners, self.allowed)

    def _identifiers(self, names: list[str]) -> list[str]:
        return [self.resources[name].identifier for name in names]

    def _scope(self, scope: list[str] | None) -> str | None:
        return None if scope is None else " ".join(scope)


@pytest.fixture(scope="module")
def resources(provider: Provider) -> dict[str, Resource]:
    return {name: create_api(provider, values, name=name) for name, values in SCOPES.items()}


@settings(max_examples=25)
@given(steps=steps)
def test_no_sequence_of_requests_gives_a_token_with_more_than_was_allowed(
    provider: Provider, resources: dict[str, Resource], steps: list[tuple[str, list[str], list[str] | None]]
) -> None:
    sequence = Sequence(ResourceClient.create(provider), resources)
    for step, names, scope in [("authorize", ["photos", "notes"], ["read"]), ("exchange", [], None), *steps]:
        getattr(sequence, step)(names, scope)
