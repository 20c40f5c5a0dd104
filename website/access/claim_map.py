"""A claim map of a client: one claim, its source, and the tokens and responses that carry it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..standard_claims import EDITABLE_CLAIMS, PROTOCOL_CLAIMS, VERIFIED
from ..translatable import N_

LIST, STRING = AS = ("list", "string")
USERINFO, ID_TOKEN, INTROSPECTION, ACCESS_TOKEN = PLACES = ("userinfo", "id_token", "introspection", "access_token")
USUAL_PLACES = (USERINFO, ID_TOKEN)
#: What only this server can say: what the protocol sets, and whether an address or a number was verified.
OWN_CLAIMS = PROTOCOL_CLAIMS | {*VERIFIED.values()}
#: What applications know people by: taken only from fields that people don't choose themselves.
IDENTITY_CLAIMS = frozenset(
    (
        *("preferred_username", "email", "phone_number"),
        *("user", "user_name", "login", "uid", "user_id", "id", "oid", "upn", "unique_name"),
    )
)
#: Fields of an account that operators set, or whose value was verified: an email address only once it is.
OPERATORS_FIELDS = ("username", "preferred_username", "email")
FIELDS = (*OPERATORS_FIELDS, *(name for name in EDITABLE_CLAIMS if name not in OPERATORS_FIELDS))
#: The scope of a field's claim, unless another one is chosen; that of all others is ``profile``.
SCOPES_OF_FIELDS = {"email": "email", "phone_number": "phone"}
USUAL_SCOPE = "profile"
MAX_VALUE_CHARACTERS, MAX_VALUES = 255, 100
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/~-]{0,199}")


class ClaimMapError(ValueError):
    """A claim map can't be like this; the message says why."""


@dataclass(frozen=True, slots=True)
class ClaimMap:
    """One claim of a client, from exactly one of three sources."""

    name: str
    scope: str
    places: tuple[str, ...] = USUAL_PLACES
    is_list: bool = False
    #: Groups by id, each with the value of its members, most important first.
    groups: tuple[tuple[str, str], ...] = ()
    #: The same for everybody.
    constant: tuple[str, ...] = ()
    #: A field of the account.
    field: str = ""

    def check(self) -> None:
        """Raise :class:`ClaimMapError` for a claim that can't be mapped, or not from there."""
        if not _NAME.fullmatch(self.name):
            raise ClaimMapError(N_("A claim's name has up to 200 letters, digits and _ . : / ~ - characters."))
        # Some applications read names in upper or lower case, and the last of two that differ in nothing else.
        meant = self.name.casefold()
        if meant in OWN_CLAIMS:
            raise ClaimMapError(N_("The claim %(name)s can only be set by this server itself.", name=self.name))
        if meant in IDENTITY_CLAIMS and self.field not in OPERATORS_FIELDS:
            fields = ", ".join(OPERATORS_FIELDS)
            raise ClaimMapError(
                N_(
                    "Applications identify people by %(name)s: take it from one of %(fields)s.",
                    name=self.name,
                    fields=fields,
                )
            )
        if self.field and self.field not in FIELDS:
            raise ClaimMapError(N_("Choose one of these fields: %(fields)s.", fields=", ".join(FIELDS)))
        _check_values([*(value for _group, value in self.groups), *self.constant])
        if not self.is_list and len(self.constant) > 1:
            raise ClaimMapError(N_("Several values need a list."))

    @property
    def is_chosen_by_people(self) -> bool:
        """Whether its value is one that people can change themselves."""
        return bool(self.field) and self.field not in OPERATORS_FIELDS

    def value_of(self, group_ids: Iterable[str], fields: Mapping[str, str | None]) -> Any:
        """Return the claim of an account with these groups and fields; ``None`` for none."""
        if self.field:
            value = fields.get(self.field)
            return [value] if value and self.is_list else value or None
        ids = {*group_ids}
        values = self.constant or tuple(value for group, value in self.groups if group in ids)
        if not self.is_list:
            return values[0] if values else None  # the first that applies, as an application takes only one role
        return sorted(set(values)) or None

    def to_json(self) -> dict[str, Any]:
        """Return it as a client's row has it, without what is usual."""
        sources: dict[str, Any] = {"groups": self.groups, "constant": self.constant, "field": self.field}
        found = {name: source for name, source in sources.items() if source}
        return {"name": self.name, "scope": self.scope, "places": self.places, "is_list": self.is_list, **found}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ClaimMap:
        """Create it from a client's row."""
        return cls(
            stored["name"],
            stored["scope"],
            tuple(stored["places"]),
            stored["is_list"],
            tuple((group, value) for group, value in stored.get("groups", ())),
            tuple(stored.get("constant", ())),
            stored.get("field", ""),
        )


def _check_values(values: Iterable[str]) -> None:
    values = [*values]
    if len(values) > MAX_VALUES:
        raise ClaimMapError(N_("Map at most %(count)s values.", count=MAX_VALUES))
    if any(not value or len(value) > MAX_VALUE_CHARACTERS or not value.isprintable() for value in values):
        raise ClaimMapError(N_("Values have 1 to %(count)s printable characters.", count=MAX_VALUE_CHARACTERS))
