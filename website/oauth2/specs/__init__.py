"""The table of contents of the protocol: every specification, in the order in which they register."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ...settings import SettingsError
from ..server import AuthorizationServer
from . import (
    oidc_back_channel_logout,
    oidc_core_authentication_request,
    oidc_core_claims_parameter,
    oidc_core_hybrid,
    oidc_core_id_token,
    oidc_core_implicit,
    oidc_core_pairwise_subject,
    oidc_core_scopes,
    oidc_core_third_party_login,
    oidc_core_userinfo,
    oidc_discovery,
    oidc_discovery_webfinger,
    oidc_form_post_response_mode,
    oidc_front_channel_logout,
    oidc_rp_initiated_logout,
    oidc_session_management,
    rfc6749_authorization_code,
    rfc6749_authorization_endpoint,
    rfc6749_client_credentials,
    rfc6749_implicit,
    rfc6749_password,
    rfc6749_refresh_token,
    rfc6749_token_endpoint,
    rfc6750_bearer_token,
    rfc7009_token_revocation,
    rfc7517_jwks,
    rfc7523_client_authentication,
    rfc7591_dynamic_client_registration,
    rfc7592_client_management,
    rfc7636_pkce,
    rfc7662_token_introspection,
    rfc8414_server_metadata,
    rfc9068_jwt_access_token,
    rfc9101_jwt_secured_authorization_request,
    rfc9207_issuer_identification,
)

SPECS: tuple[ModuleType, ...] = (
    rfc6749_authorization_endpoint,
    rfc6749_token_endpoint,
    rfc6749_authorization_code,
    rfc6749_implicit,
    rfc6749_client_credentials,
    rfc6749_password,
    rfc6749_refresh_token,
    rfc6750_bearer_token,
    rfc7636_pkce,
    rfc7009_token_revocation,
    rfc7662_token_introspection,
    rfc7523_client_authentication,
    rfc7517_jwks,
    rfc9068_jwt_access_token,
    rfc9207_issuer_identification,
    oidc_core_scopes,
    oidc_core_id_token,
    oidc_core_pairwise_subject,
    oidc_core_authentication_request,
    rfc9101_jwt_secured_authorization_request,
    oidc_core_claims_parameter,
    oidc_core_implicit,
    oidc_core_hybrid,
    oidc_core_third_party_login,
    oidc_core_userinfo,
    oidc_form_post_response_mode,
    oidc_rp_initiated_logout,
    oidc_back_channel_logout,
    oidc_front_channel_logout,
    oidc_session_management,
    rfc7591_dynamic_client_registration,
    rfc7592_client_management,
    oidc_discovery,
    oidc_discovery_webfinger,
    rfc8414_server_metadata,
)


def spec_name(module: ModuleType) -> str:
    """Return a specification's name in OAUTH2_SPECS: its module name."""
    return module.__name__.rpartition(".")[2]


def register_specs(server: AuthorizationServer) -> None:
    """Register every enabled specification. Raises :class:`SettingsError` for an unknown name."""
    switches = dict(server.settings.specs)
    for module in SPECS:
        if switches.pop(spec_name(module), True):
            module.register(server, server.settings)
            server.specifications.append(spec_name(module))
    for name, switched_on in switches.items():
        if "." not in name:
            known = ", ".join(spec_name(module) for module in SPECS)
            raise SettingsError(f"OAUTH2_SPECS: unknown specification {name}. Known: {known}.")
        if switched_on:
            _load(name).register(server, server.settings)
            server.specifications.append(name)
    server.withdraw_unreachable()


def _load(dotted_name: str) -> ModuleType:
    try:
        module = import_module(dotted_name)
    except ImportError as error:
        raise SettingsError(f"OAUTH2_SPECS: {dotted_name} can't be imported: {error}.") from error
    if not callable(getattr(module, "register", None)):
        raise SettingsError(f"OAUTH2_SPECS: {dotted_name} has no function register(server, settings).")
    return module
