"""The policy for creating and changing clients, shared by the page, ``flask clients`` and registration.

An operator may use everything that is enabled. Users, if they may create clients, and clients that register themselves
are limited by OAUTH2_REGISTRATION_GRANT_TYPES and OAUTH2_REGISTRATION_SCOPES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .. import scopes
from ..response_types import grants_of
from ..settings import OFF, USERS, Settings
from .client import BY_SECRET, Client
from .metadata import MetadataProblems, Offered, check_metadata
from .operator_decisions import BY_COLUMN, USUAL, check_decisions, decisions_of

ONLY_OPERATORS = "Only an operator of this server can choose this."
ONLY_OPERATORS_CHANGE = "Only an operator of this server can change this."


class Creator(StrEnum):
    """The kind of creator whose rights apply to a client."""

    OPERATOR = "operator"
    #: Somebody with an account but without the operator role.
    USER = "user"
    #: The client itself, through registration.
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """The choices of one kind of creator."""

    creator: Creator
    offered: Offered
    token_formats: tuple[str, ...]
    #: The algorithms for signing JWT access tokens.
    algorithms: tuple[str, ...] = ()
    #: The maximum number of clients per account; 0 means no limit.
    max_clients: int = 0
    #: The current client, if it may only be narrowed.
    narrows: Client | None = None
    #: The current client, if it is changed.
    changes: Client | None = None

    def find_problems(self, metadata: Mapping[str, Any], columns: Mapping[str, Any]) -> MetadataProblems:
        """Check a client before it is stored: metadata, and decisions by column.

        A missing field is checked with its default value, so that omitting it doesn't bypass a check.
        """
        decided = {**USUAL, **columns}
        former = self.changes or self.narrows
        problems = check_metadata(metadata, self.offered, None if former is None else former.metadata)
        problems.add_all(check_decisions(decided, metadata, self.token_formats, self.algorithms))
        if self.creator is Creator.OPERATOR:
            return problems
        if self.narrows is not None:
            problems.add_all(find_widening(self.narrows, metadata, decided))
            return problems
        for name, value in IMPLIED.items():
            check = self.offered.fields.get(name)
            problem = check(value, metadata) if check is not None and name not in metadata else ""
            if problem:
                problems.add(name, problem)
        if self.changes is not None and decided["is_first_party"]:
            # Nobody reviews it: a registration access token must not turn it into a different client.
            problems.add_all(find_widening(self.changes, metadata, {}))
        # Registrations don't change columns, which contain the operator's decisions.
        for column, stored in decided.items() if self.creator is Creator.USER else ():
            if column in BY_COLUMN and BY_COLUMN[column].value_of(stored).is_operators:
                problems.add(column, ONLY_OPERATORS)
        return problems

    @property
    def listed(self) -> Offered:
        """The choices for a form."""
        client = self.narrows
        if client is None:
            return self.offered
        return replace(
            self.offered,
            grant_types=client.grant_types,
            response_types=client.response_types,
            auth_methods=tuple(sorted(BY_SECRET)) if client.secret_either_way else (client.token_endpoint_auth_method,),
            scopes=client.scope,
        )


def find_widening(client: Client, metadata: Mapping[str, Any], columns: Mapping[str, Any]) -> MetadataProblems:
    """Return the changes that would extend a client's rights, or make people mistake it for another one."""
    problems, before = MetadataProblems(), client.metadata
    for name in sorted({*before, *metadata}):
        old, new = before.get(name) or None, metadata.get(name) or None
        if name == "scope" or isinstance(old or new, list):
            old_members, new_members = (_members(name, value) for value in (old, new))
            more = [str(value) for value in new_members if value not in old_members]
            if more:
                problems.add(name, f"Only an operator of this server can add: {', '.join(more)}.")
        elif old != new and not (
            name == "token_endpoint_auth_method" and client.check_endpoint_auth_method(str(new), "")
        ):
            problems.add(name, ONLY_OPERATORS_CHANGE)
    if columns.get("secret_either_way") and not client.secret_either_way:
        problems.add("token_endpoint_auth_method", ONLY_OPERATORS_CHANGE)
    if not set(columns.get("extra_origins") or ()) <= set(client.extra_origins):
        problems.add("extra_origins", ONLY_OPERATORS_CHANGE)
    for column, stored in columns.items():
        decision = BY_COLUMN.get(column)
        if decision is None or stored == getattr(client, column):
            continue
        if not decision.narrowest or decision.value_of(stored).text != decision.narrowest:
            problems.add(column, ONLY_OPERATORS_CHANGE)
    return problems


def _members(name: str, value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return scopes.split(value) if name == "scope" else tuple(value)


#: The default values of missing fields (OpenID Connect Dynamic Client Registration 1.0, section 2).
IMPLIED = {"application_type": "web"}


def policy_for(creator: Creator, offered: Offered, token_formats: tuple[str, ...], settings: Settings) -> ClientPolicy:
    """Return the choices of a kind of creator, from those of the enabled specifications."""
    algorithms = tuple(settings.signing_algorithms)
    if creator is Creator.OPERATOR:
        return ClientPolicy(creator, offered, token_formats, algorithms)
    grant_types = tuple(name for name in offered.grant_types if name in settings.registration_grant_types)
    narrowed = replace(
        offered,
        grant_types=grant_types,
        response_types=tuple(kind for kind in offered.response_types if grants_of(kind) <= set(grant_types)),
        scopes=tuple(value for value in offered.scopes if value in settings.registration_scopes),
    )
    most = settings.clients_per_account if creator is Creator.USER else 0
    return ClientPolicy(creator, narrowed, token_formats, algorithms, most)


def policy_for_change(policy: ClientPolicy | None, everything: ClientPolicy, client: Client) -> ClientPolicy:
    """Return the policy for an owner's change to a client.

    ``policy`` is their policy for creating clients, ``None`` if they may not; ``everything`` is the operator's. They
    may freely change a client that they could have created. If an operator gave it more, they may only narrow it.
    """
    if policy is not None:
        changing = replace(policy, changes=client)
        is_operators = policy.creator is Creator.OPERATOR
        if is_operators or not changing.find_problems(client.metadata, decisions_of(client)):
            return changing
    return replace(everything, creator=Creator.USER, narrows=client)


def creator_of(
    settings: Settings, *, is_operator: bool, is_developer: Callable[[], bool], host_allows: bool | None = None
) -> Creator | None:
    """Return the kind of creator that a logged-in person is; ``None`` if they may not create clients.

    ``is_developer`` is asked only where that decides. ``host_allows`` is an embedding application's answer for its
    user; ``None`` if there is no such application. In the demo, everybody who may create clients has an operator's
    choices: it's their own computer.
    """
    if settings.client_creation == OFF:
        return None
    if host_allows is not None:
        may_create = host_allows
    else:
        users_may = settings.client_creation == USERS or (settings.demo and not settings.client_creation)
        may_create = is_operator or users_may or is_developer()
    if not may_create:
        return None
    return Creator.OPERATOR if settings.demo or is_operator else Creator.USER
