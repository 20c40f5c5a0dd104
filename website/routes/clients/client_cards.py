"""The cards of "What are you building?": each person sees what they may create on this server."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from ...clients.policy import ClientPolicy
from ...clients.presets import APPLICATIONS, PRESETS, Preset
from ...oauth2.server import AuthorizationServer
from .client_rights import may_manage_resources
from .self_registration import has_self_registration


@dataclass(frozen=True, slots=True)
class Card:
    """One choice, and the address where it goes on."""

    name: str
    title: str
    words: str
    address: str


def list_cards(server: AuthorizationServer, policy: ClientPolicy) -> tuple[list[Card], list[Card]]:
    """Return the cards of what one builds, and those of the known applications by title."""
    building, known = (
        [
            Card(preset.name, preset.title, preset.words, address_of(preset))
            for preset in presets.values()
            if leads_on(server, policy, preset)
        ]
        for presets in (PRESETS, APPLICATIONS)
    )
    return building, sorted(known, key=lambda card: card.title.lower())


def leads_on(server: AuthorizationServer, policy: ClientPolicy, preset: Preset) -> bool:
    """Tell whether the person who is logged in may create this here."""
    if preset.name == "api":
        return may_manage_resources()
    if preset.name == "mcp":
        return has_self_registration(server)
    is_open_question = not preset.grant_types  # the form of a custom client says what is refused
    return is_open_question or preset.is_allowed(policy, server.settings.scopes)


def address_of(preset: Preset) -> str:
    """Return where a preset is created: APIs and clients that register themselves have pages of their own."""
    if preset.name == "api":
        return url_for("resources.show_new_resource")
    if preset.name == "mcp":
        return url_for("self_registration.show_self_registration")
    return url_for("clients.show_new_client", type=preset.name)
