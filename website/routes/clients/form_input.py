"""The form to create or change a client: reading the input, and checking it field by field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from ... import scopes
from ...clients import Client
from ...clients.client import EITHER_WAY
from ...clients.metadata import Offered, usual_scope
from ...clients.operator_decisions import DECISIONS, OperatorDecision, Value
from ...clients.policy import ClientPolicy, Creator
from ...clients.subject_types import find_change_problems
from ...oauth2.server import AuthorizationServer
from ...response_types import after_change, going_with
from ...standard_claims import INVISIBLE_CHARACTERS
from ...translatable import N_
from .extra_fields import names_of_more_fields, read_more_fields, write_more_fields

TEXT_FIELDS = ("client_name", "client_uri", "scope", "token_endpoint_auth_method")
LIST_FIELDS = ("redirect_uri", "grant_type", "response_type", "extra_origin")
#: The form's names for the lists of RFC 7591, which calls them by their plural, and for columns.
FIELD_OF_METADATA = {
    "redirect_uris": "redirect_uri", "grant_types": "grant_type", "response_types": "response_type",
    "extra_origins": "extra_origin",
    **{decision.column: decision.name for decision in DECISIONS},
}  # fmt: skip
MAX_CHARACTERS, MAX_LIST_CHARACTERS, MAX_PROBLEM_CHARACTERS = 2048, 48 * 1024, 400
MORE = "more"
#: A list of URLs like the callbacks, in every form but that of a custom client, which has it among its further fields.
LOGOUT_FIELD, LOGOUT_METADATA = "post_logout_redirect_uri", "post_logout_redirect_uris"
LABELS = {
    "client_name": N_("Name"),
    "client_uri": N_("Website"),
    "base_url": N_("URL of the app"),
    "redirect_uri": N_("Callback URLs"),
    LOGOUT_FIELD: N_("URL after logout"),
    "grant_type": N_("Grant types"),
    "response_type": N_("Response types"),
    "token_endpoint_auth_method": N_("Authentication"),
    "scope": N_("Scope"),
    **{decision.name: decision.label for decision in DECISIONS},
    "extra_origin": N_("More origins"),
    "owner": N_("Owner"),
    MORE: N_("More fields"),
}


@dataclass
class ClientForm:
    """What was typed, as it was typed, and what is wrong with it."""

    texts: dict[str, str]
    lists: dict[str, list[str]]
    #: The fields that have no place of their own, as JSON, and what it was read as.
    more: str = ""
    more_fields: dict[str, Any] = field(default_factory=dict)
    #: The response types that go with the grant types, where none was chosen.
    following_response_types: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Return the client metadata (:rfc:`7591#section-2`) that the form stands for."""
        return {
            **self.more_fields,
            **({LOGOUT_METADATA: self.lists[LOGOUT_FIELD]} if self.lists.get(LOGOUT_FIELD) else {}),
            "client_name": self.texts["client_name"].strip(" "),
            "client_uri": self.texts["client_uri"].strip(" "),
            "redirect_uris": self.lists["redirect_uri"],
            "grant_types": self.lists["grant_type"],
            "response_types": self.lists["response_type"] or self.following_response_types,
            "scope": scopes.join(scopes.split(self.texts["scope"])),
            "token_endpoint_auth_method": _method_of(self.texts["token_endpoint_auth_method"]),
        }

    def field_of(self, name: str) -> str:
        """Return the field in which a problem of a metadata field or a column can be mended."""
        if name == LOGOUT_METADATA and self.lists[LOGOUT_FIELD]:
            return LOGOUT_FIELD
        if name == "response_types" and not self.lists["response_type"]:
            return "grant_type"
        return FIELD_OF_METADATA.get(name, name)

    def follow_grants(self, offered: Offered, client: Client | None) -> None:
        """Find the response types that go with the grant types; a changed ``client`` keeps those that still do."""
        grant_types, is_public = self.lists["grant_type"], self.texts["token_endpoint_auth_method"] == "none"
        self.following_response_types = (
            going_with(grant_types, offered.response_types, is_public)
            if client is None
            else after_change(client.response_types, grant_types, offered.response_types, is_public)
        )

    def keep_order(self, client: Client) -> None:
        """Put what a changed client has already in its present order: a form that is sent as it was changes nothing."""
        self.lists["grant_type"] = _in_order(self.lists["grant_type"], client.grant_types)
        self.texts["scope"] = scopes.join(_in_order(scopes.split(self.texts["scope"]), client.scope))

    def let_refresh(self, offered: Offered) -> None:
        """Let a new client that has the grant ``refresh_token`` ask for ``offline_access``, which goes with it."""
        if "refresh_token" in self.lists["grant_type"] and scopes.OFFLINE_ACCESS in offered.scopes:
            self.texts["scope"] = scopes.join(scopes.split(f"{self.texts['scope']} {scopes.OFFLINE_ACCESS}"))

    def changes(self, offered: Offered) -> dict[str, Any]:
        """Return the same for a client that is there: what was taken out of the text is ``None``."""
        return {**dict.fromkeys(names_of_more_fields(offered)), **self.metadata()}

    def columns(self) -> dict[str, Any]:
        """Return the decisions beside the metadata, by column."""
        chosen = {decision: decision.find(self.texts[decision.name]) for decision in DECISIONS}
        return {
            "secret_either_way": self.texts["token_endpoint_auth_method"] == EITHER_WAY,
            "extra_origins": self.lists["extra_origin"],
            **{decision.column: value.stored for decision, value in chosen.items() if value is not None},
        }


def new_form(server: AuthorizationServer, policy: ClientPolicy) -> ClientForm:
    """Return the form of a new client: the safe usual case, filled in."""
    return ClientForm(
        texts={
            "client_name": "",
            "client_uri": "",
            "scope": usual_scope(server.settings.scopes, ["authorization_code"], policy.offered),
            "token_endpoint_auth_method": EITHER_WAY,
            **{decision.name: decision.values[0].text for decision in DECISIONS},
        },
        lists={
            "redirect_uri": [],
            "grant_type": ["authorization_code"],
            "response_type": [],
            "extra_origin": [],
        },
    )


def form_of_client(client: Client, policy: ClientPolicy) -> ClientForm:
    """Return the form filled in with what a client is."""
    return ClientForm(
        texts={
            "client_name": client.client_name,
            "client_uri": client.client_uri,
            "scope": scopes.join(client.scope),
            "token_endpoint_auth_method": client.auth_method_in_words,
            **{decision.name: _text_of(decision, client) for decision in DECISIONS},
        },
        lists={
            "redirect_uri": list(client.redirect_uris),
            "grant_type": list(client.grant_types),
            "response_type": [],
            "extra_origin": list(client.extra_origins),
            LOGOUT_FIELD: list(client.metadata.get(LOGOUT_METADATA) or ()),
        },
        more=write_more_fields(client, policy.offered, without=LOGOUT_METADATA),
    )


def fields_as_typed(fields: MultiDict[str, str]) -> ClientForm:
    """Return the fields of a form as they were typed; a field that is missing counts as empty."""
    return ClientForm(
        texts={
            **{name: fields.get(name, "") for name in TEXT_FIELDS},
            **{decision.name: fields.get(decision.name, "") for decision in DECISIONS},
            # A form of ticks sends one value for each.
            "scope": " ".join(fields.getlist("scope")),
        },
        lists={name: _lines(fields.getlist(name)) for name in (*LIST_FIELDS, LOGOUT_FIELD)},
        more=fields.get(MORE, ""),
    )


def read_form(fields: MultiDict[str, str], policy: ClientPolicy, client: Client | None = None) -> ClientForm:
    """Read and judge a posted form.

    ``client`` is the one that is changed. A decision that its form did not offer stays as it is.
    """
    form = fields_as_typed(fields)
    for decision in DECISIONS:
        form.texts[decision.name] = _chosen(decision, fields, policy, client)
    form.more_fields, problem = read_more_fields(form.more, policy.offered)
    if problem:
        form.problems[MORE] = problem
    _check_text(form, fields)
    for decision in DECISIONS:
        if decision.find(form.texts[decision.name]) is None:
            form.problems.setdefault(decision.name, N_("Choose one of the options."))
    if client is not None:
        form.keep_order(client)
    form.follow_grants(policy.offered, client)
    metadata = _as_stored(form, client, policy)
    found_problems = policy.find_problems(metadata, form.columns())
    if client is not None:
        found_problems.add_all(find_change_problems(client, metadata))
    for name, problem in found_problems.by_field.items():
        field = form.field_of(name)
        # Of a field in the text it is said which one it is.
        field_and_problem = (field, problem) if field in LABELS else (MORE, f"{name}: {problem}")
        form.problems.setdefault(field_and_problem[0], _shorten(field_and_problem[1]))
    # In the order of the form, so that the summary reads from top to bottom.
    form.problems = {name: form.problems[name] for name in LABELS if name in form.problems}
    return form


def _as_stored(form: ClientForm, client: Client | None, policy: ClientPolicy) -> dict[str, Any]:
    """Return the metadata as it would be stored: with what a client has that no form shows."""
    if client is None:
        return form.metadata()
    merged = {**client.metadata, **form.changes(policy.offered)}
    return {name: value for name, value in merged.items() if value is not None}


def is_offered(decision: OperatorDecision, policy: ClientPolicy, client: Client | None) -> bool:
    """Tell whether a form asks for a decision: where there is more than one value to choose from."""
    return len(values_offered(decision, policy, client)) > 1


def values_offered(decision: OperatorDecision, policy: ClientPolicy, client: Client | None) -> tuple[Value, ...]:
    """Return the values of a decision that somebody may choose, the present one among them."""
    former = None if client is None else decision.value_of(getattr(client, decision.column))
    if policy.narrows is not None:
        allowed = [value for value in decision.values if value in (former, decision.find(decision.narrowest or "-"))]
    elif policy.creator is Creator.OPERATOR:
        allowed = [*decision.values]
    else:
        allowed = [value for value in decision.values if not value.is_operators]
    if decision.column == "access_token_alg":
        allowed = [value for value in allowed if value.stored in (None, *policy.algorithms)]
    if decision.column == "access_token_format":
        allowed = [value for value in allowed if value.stored in policy.token_formats]
    return tuple(allowed)


def _chosen(
    decision: OperatorDecision, fields: MultiDict[str, str], policy: ClientPolicy, client: Client | None
) -> str:
    if client is not None and decision.name not in fields and not is_offered(decision, policy, client):
        return _text_of(decision, client)
    # What was not asked for is read all the same: the policy refuses it by name.
    return fields.get(decision.name, "")


def _method_of(text: str) -> str:
    """Return the method that is registered for what the form calls it."""
    return "client_secret_basic" if text == EITHER_WAY else text


def _text_of(decision: OperatorDecision, client: Client) -> str:
    return decision.value_of(getattr(client, decision.column)).text


def _in_order(values: Iterable[str], former: Iterable[str]) -> list[str]:
    values = list(values)
    kept = [value for value in former if value in values]
    return [*kept, *(value for value in values if value not in kept)]


def _lines(values: list[str]) -> list[str]:
    """Split at line breaks and at nothing else: any other control character is for the checks to refuse."""
    lines = (line.strip(" \t") for value in values for line in re.split(r"\r\n|\r|\n", value))
    return list(dict.fromkeys(line for line in lines if line))


def _check_text(form: ClientForm, fields: MultiDict[str, str]) -> None:
    for name, text in form.texts.items():
        if len(text) > MAX_CHARACTERS:
            form.problems[name] = N_("Use at most %(count)s characters.", count=MAX_CHARACTERS)
        elif not text.isprintable():
            form.problems[name] = INVISIBLE_CHARACTERS
    for name, lines in form.lists.items():
        if sum(map(len, fields.getlist(name))) > MAX_LIST_CHARACTERS or any(
            len(line) > MAX_CHARACTERS for line in lines
        ):
            form.problems[name] = N_("Use at most %(count)s characters per line.", count=MAX_CHARACTERS)
        elif not all(line.isprintable() for line in lines):
            form.problems[name] = INVISIBLE_CHARACTERS


def _shorten(problem: str) -> str:
    return problem if len(problem) <= MAX_PROBLEM_CHARACTERS else problem[:MAX_PROBLEM_CHARACTERS] + "…"
