"""The claims about users: standard and custom ones, each included in a scope that people grant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from ..clients import Client
from ..logs import get_logger
from ..scopes import USER_SCOPES, split
from ..settings import SettingsError
from ..standard_claims import CLAIMS_OF_SCOPE, PROTOCOL_CLAIMS, STANDARD_CLAIMS, claims_of_scope
from .local_users import LocalUsers
from .own_users_in_statements import OwnUser
from .users_protocol import Account, Users, UsersWithClaims

#: The scope of custom claims from a host's ``claims()`` that weren't added explicitly.
USUAL_SCOPE = "profile"
#: The claim that every account has: by default its username.
USERNAME = "preferred_username"
ClaimFunction = Callable[[Account], Any]
log = get_logger("grantwright.claims")


@dataclass(frozen=True, slots=True)
class ClaimOfClient:
    """A claim that depends on the client that gets it: ``find`` takes the client and the user's id."""

    find: Callable[[Client, str], Any]


UserClaim = ClaimFunction | ClaimOfClient


class _Choice(NamedTuple):
    """The claims that a scope and individually requested names give, which is the same for every user."""

    names: frozenset[str]
    #: Whether it includes those from the users' ``claims()`` that are in no other scope.
    has_others: bool
    functions: tuple[tuple[str, ClaimFunction], ...]
    functions_of_client: tuple[tuple[str, Callable[[Client, str], Any]], ...]


class UserClaims:
    """The claims about the users of one server."""

    def __init__(self, users: Users, known_scopes: Callable[[], Iterable[str]]) -> None:
        # An embedding application doesn't have to provide claims.
        self._users = users if isinstance(users, UsersWithClaims) else None
        self._own_users = users if isinstance(users, LocalUsers) else None
        self._find = users.find
        self._known_scopes = known_scopes
        #: The standard claims that users can have.
        self._standard = {USERNAME}
        if self._users is not None:
            self._standard |= STANDARD_CLAIMS.intersection(getattr(users, "claims_supported", STANDARD_CLAIMS))
        self._scopes: dict[str, str] = {}
        self._functions: dict[str, ClaimFunction] = {}
        self._functions_of_client: dict[str, Callable[[Client, str], Any]] = {}
        self._choose = lru_cache(maxsize=256)(self._choose_anew)
        #: Omitted names, to log each only once.
        self._left_out: set[str] = set()

    def add(self, name: str, function: UserClaim | None = None, *, scope: str = USUAL_SCOPE) -> None:
        """Add a custom claim to ``scope``.

        ``function`` takes an ``Account`` and returns a JSON value, or ``None`` to omit the claim; without it, the claim
        comes from the users' ``claims()``. Raises :class:`SettingsError` for a reserved or taken name, and an unknown
        scope.
        """
        if name in PROTOCOL_CLAIMS or name in STANDARD_CLAIMS:
            raise SettingsError(f"OAUTH2_SPECS: the claim {name} is reserved by a standard.")
        if name in self._scopes:
            raise SettingsError(f"OAUTH2_SPECS: two modules add the claim {name}.")
        if scope not in self._known_scopes():
            raise SettingsError(f"OAUTH2_SPECS: the claim {name} is in the scope {scope}, which is unknown.")
        self._scopes[name] = scope
        if isinstance(function, ClaimOfClient):
            self._functions_of_client[name] = function.find
        elif function is not None:
            self._functions[name] = function
        self._choose.cache_clear()

    def supported(self, scope_values: Iterable[str]) -> list[str]:
        """Return the names of the claims that scope values can include."""
        known_scopes = set(scope_values)
        own_names = (names for scope, names in CLAIMS_OF_SCOPE.items() if scope in known_scopes)
        standard = [name for names in own_names for name in names if name in self._standard]
        return [*standard, *self.supported_own(known_scopes)]

    def can_tell(self, scope: str) -> bool:
        """Tell whether users can have any claims of a scope."""
        return scope not in CLAIMS_OF_SCOPE or bool(self.supported((scope,)))

    def is_about_user(self, scope: str) -> bool:
        """Tell whether a scope is about the user: it has claims, or only a user can grant it."""
        return scope in USER_SCOPES or scope in CLAIMS_OF_SCOPE or scope in self._scopes.values()

    @property
    def is_username_alone(self) -> bool:
        """Whether users have no claims except a username."""
        return self._standard == {USERNAME}

    def supported_own(self, scope_values: Iterable[str]) -> list[str]:
        """Return the names of the custom ones among them."""
        known_scopes = set(scope_values)
        return [name for name, scope in self._scopes.items() if scope in known_scopes]

    def claims_for(
        self, client: Client, user_id: str, scope: str = "", names: Iterable[str] = (), own_user: OwnUser | None = None
    ) -> dict[str, Any]:
        """Return a user's claims for a client in ``scope``, and the individually requested ones in ``names``.

        ``own_user`` is their row if it has been read already, with its claims; otherwise the users are asked.
        Claims without a value are omitted (OpenID Connect Core 1.0, section 5.3.2), and so are claims from the users'
        ``claims()`` that only the protocol may set, which is logged.
        """
        choice = self._choose(scope, tuple(names))
        known = self._known_of(user_id, own_user, choice)
        computed = self._compute(client, user_id, own_user, choice, has_username=USERNAME in known)
        if self._own_users is not None and not computed:
            return known  # the columns of our own table are valid JSON
        return {name: value for name, value in {**known, **computed}.items() if self._is_fit(name, value)}

    def _choose_anew(self, scope: str, names: tuple[str, ...]) -> _Choice:
        granted_scopes = split(scope)
        own_names = [name for name, own_scope in self._scopes.items() if own_scope in granted_scopes]
        chosen = frozenset((*claims_of_scope(scope), *names, *own_names))
        return _Choice(
            chosen,
            USUAL_SCOPE in granted_scopes,
            tuple((name, function) for name, function in self._functions.items() if name in chosen),
            tuple((name, find) for name, find in self._functions_of_client.items() if name in chosen),
        )

    def _known_of(self, user_id: str, own_user: OwnUser | None, choice: _Choice) -> dict[str, Any]:
        """Return the chosen ones of the claims that the users have."""
        if self._own_users is not None:
            return self._own_users.wanted_claims(user_id, choice.names, own_user)
        known, claims_of_users = dict[str, Any](), self._users.claims(user_id) if self._users is not None else {}
        for name, value in claims_of_users.items():
            is_other = choice.has_others and name not in STANDARD_CLAIMS and name not in self._scopes
            if name in PROTOCOL_CLAIMS:
                self._note_left_out(name, "the name is reserved by the protocol")
            elif (name in choice.names or is_other) and value not in (None, "", {}):
                known[name] = value
        return known

    def _compute(
        self, client: Client, user_id: str, own_user: OwnUser | None, choice: _Choice, *, has_username: bool
    ) -> dict[str, Any]:
        """Return the chosen claims that functions compute, and the username unless the users have that claim."""
        computed: dict[str, Any] = {}
        lacks_username = not has_username and USERNAME in choice.names
        if choice.functions or lacks_username:
            account = self._find(user_id) if own_user is None else own_user.account
            if account is not None:
                computed = {name: function(account) for name, function in choice.functions}
                if lacks_username:
                    computed[USERNAME] = account.username
        return computed | {name: find(client, user_id) for name, find in choice.functions_of_client}

    def _is_fit(self, name: str, value: Any) -> bool:
        """Tell whether a value is not empty and valid in JSON and JWTs: no NaN, no lone surrogates."""
        if value in (None, "", {}):
            return False
        try:
            json.dumps({name: value}, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            self._note_left_out(name, "its value is not valid JSON")
            return False
        return True

    def _note_left_out(self, name: str, reason: str) -> None:
        if name not in self._left_out:
            self._left_out.add(name)
            log.warning("a claim is omitted", claim=name, reason=reason)
