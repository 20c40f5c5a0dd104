"""A resource server (API) as seen by the protocol, and its scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..models.resource import OAuth2Resource


class InvalidResourceError(ValueError):
    """Some fields of an API are invalid; ``problems`` has the message for each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """A scope of an API."""

    name: str
    #: Its text on the consent page.
    description: str
    #: Whether unverified clients may ask people for it: they registered themselves, or their owner isn't an operator.
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """An API: immutable, so that requests can share it."""

    #: The row id; ``None`` for an API on this computer that nobody registered, in the demo.
    id: str | None
    #: As registered, and as in the audience of tokens.
    identifier: str
    name: str
    #: By name, in the operator's order.
    scopes: Mapping[str, ResourceScope]
    access_token_format: str
    #: The algorithm for signing its JWT access tokens.
    access_token_alg: str
    #: ``at+jwt`` (:rfc:`9068#section-2.1`), or ``JWT``.
    access_token_typ: str
    #: The lifetime of its access tokens, at most the server's; ``None`` means the server's.
    access_token_seconds: int | None
    #: Whether unverified clients may ask people for tokens for it, with the scopes that are open to them.
    is_open: bool
    #: Grants and tokens from before are for a deleted API with the same identifier.
    created_at: int

    @property
    def open_scopes(self) -> list[str]:
        """The scopes that unverified clients may ask people for."""
        return [name for name, scope in self.scopes.items() if scope.is_open] if self.is_open else []

    @property
    def key(self) -> str:
        """Its name in codes, grants and consents: the row id, which is never used again, or the URL without a row."""
        return self.id or self.identifier


def from_row(row: OAuth2Resource) -> Resource:
    """Return the API of a row with loaded scopes."""
    return Resource(
        id=row.id,
        identifier=row.identifier,
        name=row.name,
        scopes={
            scope.scope: ResourceScope(scope.scope, scope.description, scope.is_open)
            for scope in sorted(row.scopes, key=lambda scope: scope.place)
        },
        access_token_format=row.access_token_format,
        access_token_alg=row.access_token_alg,
        access_token_typ=row.access_token_typ,
        access_token_seconds=row.access_token_seconds,
        is_open=row.is_open,
        created_at=row.created_at,
    )
