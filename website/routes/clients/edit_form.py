"""The form of a client that is changed: what the short form of its type asks for, and all the rest folded."""

from __future__ import annotations

from typing import Any

from ... import scopes
from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...clients.policy import ClientPolicy
from ...clients.presets import PRESETS, Preset
from ..current.authorization_server import authorization_server
from .application_types import WITH_PERSON, is_native
from .form_choices import describe_form
from .form_input import LOGOUT_FIELD, LOGOUT_METADATA, ClientForm
from .short_form import list_ticks

#: The fields that are never folded.
FIRST_FIELDS = ("client_name",)


def describe_edit_form(form: ClientForm, policy: ClientPolicy, client: Client) -> dict[str, Any]:
    """Return the variables of ``client_form.html``, except the owner."""
    described, preset = describe_form(form, policy, client), preset_of(client)
    ticks = list_ticks(form, preset, policy, authorization_server())
    ticked = {field: {tick.value for tick in ticks if tick.field == field} for field in ("scope", "grant_type")}
    has_callbacks = not WITH_PERSON.isdisjoint(client.grant_types)
    has_logout = LOGOUT_METADATA in described["more_names"]
    first_fields = {*FIRST_FIELDS, *(("redirect_uri", LOGOUT_FIELD) if has_callbacks else ())}
    return {
        **described,
        "preset": preset,
        "ticks": ticks,
        "has_callbacks": has_callbacks,
        "has_logout": has_logout,
        "logout_is_first": has_logout and has_callbacks and preset.name == "web",
        "other_scopes": scopes.without(scopes.split(form.texts["scope"]), *ticked["scope"]),
        "unticked_scopes": [choice for choice in described["choices"].scopes if choice.value not in ticked["scope"]],
        "grant_types": [one for one in described["choices"].grant_types if one.value not in ticked["grant_type"]],
        "is_advanced": bool(form.problems.keys() - first_fields),
    }


def preset_of(client: Client) -> Preset:
    """Return what one would choose to create such a client."""
    if DEVICE_CODE in client.grant_types:
        return PRESETS["device"]
    if WITH_PERSON.isdisjoint(client.grant_types):
        return PRESETS["machine"]
    if not client.is_public:
        return PRESETS["web"]
    return PRESETS["native" if is_native(client) else "spa"]
