"""Owns the form by which a client is created and changed: reading what was typed, and judging it field by field."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from .. import scopes
from ..client import Client
from ..client_metadata import Offered, check_metadata, check_policy, implied_response_types, usual_scope
from ..oauth2.server import AuthorizationServer
from .client_more_fields import names_of_more_fields, read_more_fields, write_more_fields

TEXT_FIELDS = (
    "client_name", "client_uri", "scope", "token_endpoint_auth_method", "access_token_format", "pkce",
)  # fmt: skip
LIST_FIELDS = ("redirect_uri", "grant_type", "response_type")
#: The form's names for the lists of RFC 7591, which calls them by their plural, and for a column.
FIELD_OF_METADATA = {
    "redirect_uris": "redirect_uri", "grant_types": "grant_type", "response_types": "response_type",
    "pkce_required": "pkce",
}  # fmt: skip
MAX_CHARACTERS, MAX_LIST_CHARACTERS, MAX_PROBLEM_CHARACTERS = 2048, 48 * 1024, 400
#: In the demo the person at the machine is the operator too, and may decide what is an operator's to decide.
MAY_INTROSPECT, YES = "may_introspect", "yes"
MORE = "more"
PKCE_REQUIRED = {"": None, "required": True, "off": False}
LABELS = {
    "client_name": "Name",
    "client_uri": "Web site",
    "redirect_uri": "Redirect URIs",
    "grant_type": "Grant types",
    "response_type": "Response types",
    "token_endpoint_auth_method": "Authentication",
    "scope": "Scope",
    "access_token_format": "Access tokens",
    "pkce": "PKCE",
    "may_introspect": "Introspection",
    "more": "More fields",
}


@dataclass
class ClientForm:
    """What was typed, as it was typed, and what is wrong with it."""

    texts: dict[str, str]
    lists: dict[str, list[str]]
    #: The fields that have no place of their own, as JSON, and what it was read as.
    more: str = ""
    more_fields: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Return the client metadata (:rfc:`7591#section-2`) that the form stands for."""
        return {
            **self.more_fields,
            "client_name": self.texts["client_name"].strip(" "),
            "client_uri": self.texts["client_uri"].strip(" "),
            "redirect_uris": self.lists["redirect_uri"],
            "grant_types": self.lists["grant_type"],
            "response_types": self.lists["response_type"],
            "scope": scopes.join(scopes.split(self.texts["scope"])),
            "token_endpoint_auth_method": self.texts["token_endpoint_auth_method"],
        }

    def let_refresh(self, offered: Offered) -> None:
        """Let a new client that has the grant ``refresh_token`` ask for ``offline_access``, which goes with it."""
        if "refresh_token" in self.lists["grant_type"] and scopes.OFFLINE_ACCESS in offered.scopes:
            self.texts["scope"] = scopes.join(scopes.split(f"{self.texts['scope']} {scopes.OFFLINE_ACCESS}"))

    def changes(self, offered: Offered) -> dict[str, Any]:
        """Return the same for a client that is there: what was taken out of the text is ``None``."""
        return {**dict.fromkeys(names_of_more_fields(offered)), **self.metadata()}

    def policy(self) -> dict[str, Any]:
        """Return the columns beside the metadata."""
        columns = {
            "access_token_format": self.texts["access_token_format"] or "sealed",
            "pkce_required": PKCE_REQUIRED.get(self.texts["pkce"]),
        }
        return columns | ({MAY_INTROSPECT: self.texts[MAY_INTROSPECT] == YES} if MAY_INTROSPECT in self.texts else {})


def new_form(server: AuthorizationServer) -> ClientForm:
    """Return the form of a new client: the safe usual case, filled in."""
    return ClientForm(
        texts={
            "client_name": "",
            "client_uri": "",
            "scope": usual_scope(server.settings.scopes, ["authorization_code"], server.offered),
            "token_endpoint_auth_method": "client_secret_basic",
            "access_token_format": "sealed",
            "pkce": "",
            **_operators_fields(server, ""),
        },
        lists={"redirect_uri": [], "grant_type": ["authorization_code"], "response_type": ["code"]},
    )


def form_of_client(client: Client, server: AuthorizationServer) -> ClientForm:
    """Return the form filled in with what a client is."""
    pkce = next(name for name, required in PKCE_REQUIRED.items() if required is client.pkce_required)
    return ClientForm(
        texts={
            "client_name": client.client_name,
            "client_uri": client.client_uri,
            "scope": scopes.join(client.scope),
            "token_endpoint_auth_method": client.token_endpoint_auth_method,
            "access_token_format": client.access_token_format,
            "pkce": pkce,
            **_operators_fields(server, YES if client.may_introspect else ""),
        },
        lists={
            "redirect_uri": list(client.redirect_uris),
            "grant_type": list(client.grant_types),
            "response_type": list(client.response_types),
        },
        more=write_more_fields(client, server.offered),
    )


def read_form(fields: MultiDict[str, str], server: AuthorizationServer) -> ClientForm:
    """Read and judge a posted form; a field that is missing counts as empty."""
    form = ClientForm(
        texts={
            **{name: fields.get(name, "") for name in TEXT_FIELDS},
            **_operators_fields(server, fields.get(MAY_INTROSPECT, "")),
        },
        lists={name: _lines(fields.getlist(name)) for name in LIST_FIELDS},
        more=fields.get(MORE, ""),
    )
    form.more_fields, problem = read_more_fields(form.more, server.offered)
    if problem:
        form.problems[MORE] = problem
    if not form.lists["response_type"]:
        form.lists["response_type"] = implied_response_types(form.lists["grant_type"])
    _check_text(form, fields)
    if form.texts["pkce"] not in PKCE_REQUIRED:
        form.problems.setdefault("pkce", "Choose one of those shown.")
    if form.texts.get(MAY_INTROSPECT, "") not in ("", YES):
        form.problems.setdefault(MAY_INTROSPECT, "Choose one of those shown.")
    metadata = form.metadata()
    found = check_metadata(metadata, server.offered), check_policy(form.policy(), metadata, server.tokens.formats)
    for name, problem in [pair for problems in found for pair in problems.by_field.items()]:
        shown = FIELD_OF_METADATA.get(name, name)
        # Of a field in the text it is said which one it is.
        named = (shown, problem) if shown in LABELS else (MORE, f"{name}: {problem}")
        form.problems.setdefault(named[0], _shorten(named[1]))
    # In the order of the form, so that the summary reads from top to bottom.
    form.problems = {name: form.problems[name] for name in LABELS if name in form.problems}
    return form


def _operators_fields(server: AuthorizationServer, may_introspect: str) -> dict[str, str]:
    return {MAY_INTROSPECT: may_introspect} if server.settings.demo else {}


def _lines(values: list[str]) -> list[str]:
    """Split at line breaks and at nothing else: any other control character is for the checks to refuse."""
    lines = (line.strip(" \t") for value in values for line in re.split(r"\r\n|\r|\n", value))
    return list(dict.fromkeys(line for line in lines if line))


def _check_text(form: ClientForm, fields: MultiDict[str, str]) -> None:
    for name, text in form.texts.items():
        if len(text) > MAX_CHARACTERS:
            form.problems[name] = f"At most {MAX_CHARACTERS} characters."
        elif not text.isprintable():
            form.problems[name] = "This has invisible characters in it. Type it anew."
    for name, lines in form.lists.items():
        if sum(map(len, fields.getlist(name))) > MAX_LIST_CHARACTERS or any(
            len(line) > MAX_CHARACTERS for line in lines
        ):
            form.problems[name] = f"At most {MAX_CHARACTERS} characters a line."
        elif not all(line.isprintable() for line in lines):
            form.problems[name] = "This has invisible characters in it. Type it anew."


def _shorten(problem: str) -> str:
    return problem if len(problem) <= MAX_PROBLEM_CHARACTERS else problem[:MAX_PROBLEM_CHARACTERS] + "…"
