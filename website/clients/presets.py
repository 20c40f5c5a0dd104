"""Presets by what one builds, or which application one runs: shared by the page for a new client and the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import scopes
from ..known_applications.catalogue import KNOWN_APPLICATIONS, KnownApplication
from ..response_types import going_with
from ..translatable import N_
from .client import EITHER_WAY
from .metadata import DEVICE_CODE, Offered, usual_scope
from .operator_decisions import DECISIONS
from .policy import ClientPolicy

CODE_AND_REFRESH = ("authorization_code", "refresh_token")
EXAMPLE_REDIRECT_URI = "https://app.example.org/callback"


@dataclass(frozen=True, slots=True)
class Preset:
    """What somebody builds, and what its client usually registers."""

    name: str
    title: str
    #: What it is, for people who choose.
    words: str
    #: Its grant types, the most important one first; none if nothing is usual.
    grant_types: tuple[str, ...] = ()
    auth_method: str = EITHER_WAY
    #: What the form suggests as its redirect URI.
    redirect_uri: str = ""
    application: KnownApplication | None = None
    #: The operator's decisions that differ from the usual ones, by their names.
    decisions: Mapping[str, str] = field(default_factory=dict)

    @property
    def asks_people(self) -> bool:
        """Tell whether people log in to it, and so allow it something."""
        return self.grant_types not in ((), ("client_credentials",))

    @property
    def chooses_permissions(self) -> bool:
        """Tell whether its form has its permissions as ticks: a known application's follow from what it does."""
        return self.application is None

    @property
    def has_redirect_uri(self) -> bool:
        return "authorization_code" in self.grant_types

    def usual_grant_types(self, offered: Offered) -> list[str]:
        """Return its grant types that this server offers, and the first in any case: without it, the checks say so."""
        return [value for value in self.grant_types if value in (*self.grant_types[:1], *offered.grant_types)]

    def usual_scope(self, own: Mapping[str, str], grant_types: list[str], offered: Offered) -> str:
        """Return what it may request; ``own`` are this server's own scopes."""
        if self.application is None:
            return usual_scope(own, grant_types, offered)
        return scopes.within(self.application.scope, offered.scopes)

    def columns(self) -> dict[str, Any]:
        """Return the decisions that differ from the usual ones, by column."""
        chosen = {
            decision: decision.find(self.decisions[decision.name])
            for decision in DECISIONS
            if decision.name in self.decisions
        }
        return {decision.column: value.stored for decision, value in chosen.items() if value is not None}

    def complete(
        self, given: Mapping[str, Any], own: Mapping[str, str], offered: Offered, base: str = ""
    ) -> dict[str, Any]:
        """Return the metadata of a new client: what is given, and what is usual for the rest.

        ``base`` is where a known application is installed; not needed if its redirect URIs are given. Raises
        :class:`InvalidBaseError`.
        """
        grant_types = given.get("grant_types") or self.usual_grant_types(offered)
        method = given.get("token_endpoint_auth_method") or self.auth_method
        scope = given.get("scope")
        return {
            **self._usual_addresses(given, offered, base),
            **{name: value for name, value in given.items() if value not in (None, [])},
            "grant_types": grant_types,
            "response_types": given.get("response_types")
            or going_with(grant_types, offered.response_types, method == "none"),
            "scope": self.usual_scope(own, grant_types, offered) if scope is None else scope,
            "token_endpoint_auth_method": "client_secret_basic" if method == EITHER_WAY else method,
        }

    def is_allowed(self, policy: ClientPolicy, own: Mapping[str, str]) -> bool:
        """Tell whether somebody may create such a client here: whether an example of it passes every check."""
        base = self.application.example if self.application is not None else ""
        uris = [EXAMPLE_REDIRECT_URI] if self.has_redirect_uri and self.application is None else []
        example = {"client_name": "Example", "redirect_uris": uris}
        columns = {**self.columns(), "secret_either_way": self.auth_method == EITHER_WAY}
        return not policy.find_problems(self.complete(example, own, policy.offered, base), columns)

    def _usual_addresses(self, given: Mapping[str, Any], offered: Offered, base: str) -> dict[str, list[str]]:
        """Return a known application's redirect URIs and, where it is offered, where people go after logging out."""
        if self.application is None or (given.get("redirect_uris") and not base):
            return {"redirect_uris": []}
        after_logout = self.application.post_logout_redirect_uris_at(base)
        usual = {"redirect_uris": self.application.redirect_uris_at(base)}
        if after_logout and "post_logout_redirect_uris" in offered.fields:
            usual["post_logout_redirect_uris"] = after_logout
        return usual


#: What one builds, in the order of the page.
PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "web",
            N_("Web app"),
            N_("Has a backend that can keep a secret: Flask, Django, Next.js."),
            CODE_AND_REFRESH,
        ),
        Preset(
            "spa",
            N_("Single-page app"),
            N_("Runs in the browser: React, Vue, Svelte."),
            # A script that somebody injects could use a refresh token for weeks: to stay connected is a tick.
            ("authorization_code",),
            "none",
        ),
        Preset(
            "native",
            N_("Native app"),
            N_("Runs on a phone or computer, or in a terminal."),
            CODE_AND_REFRESH,
            "none",
            "http://127.0.0.1/callback",
        ),
        Preset("machine", N_("Machine"), N_("A job or service without users."), ("client_credentials",)),
        Preset("api", N_("API"), N_("Receives tokens and checks them.")),
        Preset(
            "device",
            N_("Device"),
            N_("A TV or printer: people log in on their phone."),
            (DEVICE_CODE, "refresh_token"),
            "none",
        ),
        Preset("mcp", N_("AI agent or MCP client"), N_("Registers itself.")),
        Preset("other", N_("Custom client"), N_("You choose the grant types.")),
    )
}
#: The known applications as presets.
APPLICATIONS: Mapping[str, Preset] = {
    name: Preset(
        name,
        application.title,
        application.words,
        application.grant_types,
        EITHER_WAY if application.auth_method == "client_secret" else application.auth_method,
        application=application,
        decisions=application.decisions,
    )
    for name, application in KNOWN_APPLICATIONS.items()
}
#: Those that are created as a client: APIs have a registration of their own, and MCP clients register themselves.
CLIENTS: Mapping[str, Preset] = {
    name: preset for name, preset in {**PRESETS, **APPLICATIONS}.items() if name not in ("api", "mcp")
}


def find_preset(name: str) -> Preset | None:
    """Return a preset by its name, of what one builds or of a known application."""
    return PRESETS.get(name) or APPLICATIONS.get(name)
