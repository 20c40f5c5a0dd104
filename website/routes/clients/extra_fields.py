"""The fields of a client that have no input of their own in its form: one text of JSON."""

from __future__ import annotations

import json
from typing import Any

from ...clients import Client
from ...clients.metadata import Offered
from ...strict_json import MalformedJSONError, read_object
from ...translatable import N_

#: Those that have one.
IN_THE_FORM = frozenset(
    (
        "client_name", "client_uri", "redirect_uris", "grant_types", "response_types", "scope",
        "token_endpoint_auth_method",
    )
)  # fmt: skip
PAGES_OF_CLIENTS = ("policy_uri", "tos_uri")
MAX_CHARACTERS = 16 * 1024


def names_of_more_fields(offered: Offered) -> list[str]:
    """Return the fields that the text may contain."""
    return sorted({*offered.fields, *PAGES_OF_CLIENTS} - IN_THE_FORM)


def write_more_fields(client: Client, offered: Offered, without: str = "") -> str:
    """Return what a client registered of these fields, except one; nothing where that is nothing."""
    names = [name for name in names_of_more_fields(offered) if name != without and client.metadata.get(name)]
    values = {name: client.metadata[name] for name in names}
    return json.dumps(values, indent=2, ensure_ascii=False) if values else ""


def read_more_fields(text: str, offered: Offered) -> tuple[dict[str, Any], str]:
    """Return the fields of a text, and what is wrong with it as a whole."""
    if len(text) > MAX_CHARACTERS:
        return {}, N_("Use at most %(count)s characters.", count=MAX_CHARACTERS)
    if not text.strip():
        return {}, ""
    try:
        fields = read_object(text)
    except MalformedJSONError as error:
        return {}, str(error)
    unknown = [name for name in fields if name not in names_of_more_fields(offered)]
    if unknown:
        return {}, N_("Unknown, or in the form above: %(fields)s.", fields=", ".join(unknown))
    return {name: value for name, value in fields.items() if value is not None}, ""
