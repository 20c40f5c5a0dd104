"""The short form of a new client, by what one builds: a few fields, and what is usual for the rest."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from ... import scopes
from ...clients.metadata import DEVICE_CODE
from ...clients.operator_decisions import DECISIONS
from ...clients.policy import ClientPolicy
from ...clients.presets import Preset
from ...known_applications.catalogue import InvalidBaseError, KnownApplication
from ...oauth2.server import AuthorizationServer
from ...standard_claims import CLAIMS_OF_SCOPE
from ...translatable import N_
from .client_choices import Choice, Choices
from .form_input import LOGOUT_FIELD, LOGOUT_METADATA, ClientForm, fields_as_typed, read_form

Fields = MultiDict[str, str]
BASE_URL = "base_url"
GRANTS = {
    "authorization_code": N_("code"),
    "refresh_token": N_("refresh"),
    "client_credentials": N_("client credentials"),
    DEVICE_CODE: N_("device code"),
}
METHODS = {
    "none": N_("no secret"),
    "client_secret": N_("secret in the header or body"),
    "client_secret_basic": N_("secret in the header"),
    "client_secret_post": N_("secret in the body"),
}


@dataclass(frozen=True, slots=True)
class Tick:
    """One permission: the field that asks for it, and the consent page's words for it."""

    field: str
    value: str
    words: str
    is_ticked: bool


def new_short_form(preset: Preset, policy: ClientPolicy, server: AuthorizationServer) -> ClientForm:
    """Return the form of a preset, with what is usual filled in."""
    return fields_as_typed(_usual_fields(preset, policy, server))


def read_short_form(posted: Fields, preset: Preset, policy: ClientPolicy, server: AuthorizationServer) -> ClientForm:
    """Read and judge a posted form of a preset; a field that is missing has its usual value."""
    usual, fields, base_problem = _usual_fields(preset, policy, server), MultiDict(posted), ""
    for name in usual:
        if name not in posted:
            fields.setlist(name, usual.getlist(name))
    # In the preset's order, whichever came first on the page.
    grant_types = fields.getlist("grant_type")
    fields.setlist("grant_type", sorted(grant_types, key=lambda name: (*preset.grant_types, name).index(name)))
    if preset.application is not None:
        base_problem = _fill_in_addresses(fields, preset.application, policy)
    form = read_form(fields, policy)
    if preset.application is None:
        form.let_refresh(policy.offered)
    if base_problem:
        others = {name: problem for name, problem in form.problems.items() if name != "redirect_uri"}
        form.problems = {**others, BASE_URL: base_problem}
    return form


def list_ticks(form: ClientForm, preset: Preset, policy: ClientPolicy, server: AuthorizationServer) -> list[Tick]:
    """Return the permissions that a form offers, or a known application's: what people are asked, if they are.

    To stay connected is the refresh token grant. openid goes without saying.
    """
    own, chosen = server.settings.scopes, scopes.split(form.texts["scope"])
    values = [value for value in policy.listed.scopes if value not in scopes.USER_SCOPES]
    if not preset.asks_people:
        values = [value for value in values if value in own and value not in CLAIMS_OF_SCOPE]
    words = server.registry.scopes
    ticks = [Tick("scope", value, words.get(value, value), value in chosen) for value in values]
    if preset.asks_people and "refresh_token" in policy.listed.grant_types:
        stays = "refresh_token" in form.lists["grant_type"]
        ticks.append(Tick("grant_type", "refresh_token", words.get(scopes.OFFLINE_ACCESS, ""), stays))
    return [tick for tick in ticks if preset.application is None or tick.is_ticked]


def list_protocol_grants(choices: Choices, preset: Preset, ticks: list[Tick]) -> list[Choice]:
    """Return the grant types of the folded part: those that are no tick, without the legacy ones."""
    as_ticks = {tick.value for tick in ticks if tick.field == "grant_type"} if preset.chooses_permissions else set()
    return [choice for choice in choices.grant_types if not choice.warning and choice.value not in as_ticks]


def protocol_in_words(form: ClientForm) -> list[str]:
    """Return what the folded part of a form decides: its grants, PKCE, and how the client authenticates."""
    words = [GRANTS.get(value, value) for value in form.lists["grant_type"]]
    method = form.texts["token_endpoint_auth_method"]
    if "authorization_code" in form.lists["grant_type"]:
        is_off = form.texts["pkce"] == "off" and method != "none"
        words.append(N_("PKCE not required") if is_off else "PKCE")
    return [*words, METHODS.get(method, method)]


def _usual_fields(preset: Preset, policy: ClientPolicy, server: AuthorizationServer) -> Fields:
    grant_types = preset.usual_grant_types(policy.offered)
    usual = MultiDict([("grant_type", value) for value in grant_types])
    usual["client_name"] = preset.title if preset.application is not None else ""
    usual["redirect_uri"] = preset.redirect_uri
    usual["scope"] = preset.usual_scope(server.settings.scopes, grant_types, policy.offered)
    usual["token_endpoint_auth_method"] = preset.auth_method
    for decision in DECISIONS:
        usual[decision.name] = preset.decisions.get(decision.name, decision.values[0].text)
    return usual


def _fill_in_addresses(fields: Fields, application: KnownApplication, policy: ClientPolicy) -> str:
    """Add the redirect URIs of a known application at its base URL; return what is wrong with that."""
    base = fields.get(BASE_URL, "")
    try:
        fields.setlist("redirect_uri", application.redirect_uris_at(base))
        if LOGOUT_METADATA in policy.offered.fields:
            fields.setlist(LOGOUT_FIELD, application.post_logout_redirect_uris_at(base))
    except InvalidBaseError:
        return N_("Enter the URL where people open it, such as %(example)s.", example=application.example)
    return ""
