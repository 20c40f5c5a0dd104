"""The form of a client's mapped claim: what was typed, and the map that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...access import Groups
from ...access.claim_map import LIST, PLACES, SCOPES_OF_FIELDS, USUAL_PLACES, USUAL_SCOPE, ClaimMap
from ...translatable import N_

FROM_GROUPS, CONSTANT, FROM_FIELD = "groups", "constant", "field"
CLAIM_LABELS = {"claim": N_("Claim"), "values": N_("Values"), "scope": N_("Scope"), "place": N_("Where")}


@dataclass
class ClaimMapForm:
    """What was typed and chosen, and what is wrong with it."""

    claim: str = ""
    source: str = FROM_GROUPS
    values: str = ""
    account_field: str = ""
    form: str = LIST
    scope: str = ""
    places: tuple[str, ...] = USUAL_PLACES
    problems: dict[str, str] = field(default_factory=dict)
    #: The groups that were named, by id, each with the value of its members.
    group_values: tuple[tuple[str, str], ...] = ()

    def read_map(self) -> ClaimMap:
        """Return the map."""
        of_field = self.account_field if self.source == FROM_FIELD else ""
        return ClaimMap(
            self.claim,
            self.scope or SCOPES_OF_FIELDS.get(of_field, USUAL_SCOPE),
            self.places,
            self.form == LIST,
            self.group_values if self.source == FROM_GROUPS else (),
            tuple(_lines_of(self.values)) if self.source == CONSTANT else (),
            of_field,
        )


def read_claim_map(sent: Mapping[str, str], groups: Groups, known_scopes: tuple[str, ...]) -> ClaimMapForm:
    """Read a form; each line of its values is ``GROUP=VALUE``, or a value that is the same for everybody."""
    getlist = getattr(sent, "getlist", None)
    chosen = tuple(name for name in (getlist("place") if getlist else ()) if name in PLACES)
    form = ClaimMapForm(
        claim=sent.get("claim", "").strip(),
        source=sent.get("source", FROM_GROUPS),
        values=sent.get("values", ""),
        account_field=sent.get("field", ""),
        form=sent.get("form", LIST),
        scope=sent.get("scope", "").strip(),
        places=chosen,
    )
    if form.scope and form.scope not in known_scopes:
        form.problems["scope"] = N_("There is no such scope.")
    if not chosen:
        form.problems["place"] = N_("Tick at least one.")
    if form.source != FROM_FIELD and not _lines_of(form.values):
        form.problems["values"] = N_("Enter at least one value.")
    if form.source == FROM_GROUPS:
        _read_groups(form, groups)
    return form


def _read_groups(form: ClaimMapForm, groups: Groups) -> None:
    pairs = [line.partition("=") for line in _lines_of(form.values)]
    found = groups.find_all([name for name, _equals, _value in pairs])
    known = {row.name_key: row for row in found.values()}
    missing = [name for name, _equals, _value in pairs if name.strip().casefold() not in known]
    if missing:
        form.problems["values"] = N_("There is no group named %(name)s.", name=missing[0].strip())
        return
    rows = [(known[name.strip().casefold()], equals, value.strip()) for name, equals, value in pairs]
    form.group_values = tuple((row.id, value if equals else row.name) for row, equals, value in rows)


def _lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
