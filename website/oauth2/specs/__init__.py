"""The table of contents of the protocol: all specifications. Their order of registration follows from REQUIRES."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from ...logs import get_logger
from ...settings import SettingsError
from ..registry import SERVER
from ..server import AuthorizationServer
from . import (
    draft_client_id_metadata_document,
    groups,
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
    rfc8628_device_authorization,
    rfc8707_resource_indicators,
    rfc9068_jwt_access_token,
    rfc9101_jwt_secured_authorization_request,
    rfc9207_issuer_identification,
    rfc9470_step_up_authentication,
)

log = get_logger("grantwright.specifications")
SPECS: tuple[ModuleType, ...] = (
    rfc6749_authorization_endpoint,
    rfc6749_token_endpoint,
    rfc6749_authorization_code,
    rfc6749_implicit,
    rfc6749_client_credentials,
    rfc6749_password,
    rfc6749_refresh_token,
    rfc8628_device_authorization,
    rfc6750_bearer_token,
    rfc7636_pkce,
    rfc7009_token_revocation,
    rfc7662_token_introspection,
    rfc7523_client_authentication,
    rfc7517_jwks,
    rfc8707_resource_indicators,
    rfc9068_jwt_access_token,
    rfc9207_issuer_identification,
    oidc_core_scopes,
    groups,
    oidc_core_id_token,
    oidc_core_pairwise_subject,
    oidc_core_authentication_request,
    rfc9470_step_up_authentication,
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
    draft_client_id_metadata_document,
    oidc_discovery,
    oidc_discovery_webfinger,
    rfc8414_server_metadata,
)


def spec_name(module: ModuleType) -> str:
    """Return a specification's name in OAUTH2_SPECS: its module name."""
    return module.__name__.rpartition(".")[2]


BUILT_IN = tuple(spec_name(module) for module in SPECS)


def register_specs(server: AuthorizationServer, modules: Sequence[ModuleType] = SPECS) -> None:
    """Register every enabled specification whose requirements are registered.

    Raises :class:`SettingsError` for an unknown name, and for two that register the same thing.
    """
    switches = server.settings.specs
    built_in = [module for module in modules if switches.get(spec_name(module), True)]
    own = [_load(name) for name, switched_on in switches.items() if switched_on and name not in BUILT_IN]
    for module in in_order(built_in, own):
        name = module.__name__ if module in own else spec_name(module)
        missing = set(_requirements(module)).difference(server.registry.specifications)
        if missing:
            if module in own:
                log.warning("specification not registered", name=name, requires=sorted(missing))
            continue
        server.registry.registering = name
        module.register(server, server.settings)
        server.registry.specifications.append(name)
    server.registry.registering = SERVER


def in_order(built_in: Sequence[ModuleType], own: Sequence[ModuleType] = ()) -> list[ModuleType]:
    """Return specifications in registration order: each after those it requires.

    Otherwise RFCs come before OpenID Connect, built-in ones before your own, and then names decide: the order in which
    they are listed has no effect. Raises :class:`SettingsError` if two require each other.
    """
    modules = {spec_name(module): module for module in built_in} | {module.__name__: module for module in own}
    names = sorted(modules, key=lambda name: (modules[name] in own, not name.startswith("rfc"), name))
    requirements = {name: [other for other in _requirements(modules[name]) if other in modules] for name in names}
    placed: list[str] = []
    while len(placed) < len(names):
        ready = (name for name in names if name not in placed and set(requirements[name]) <= set(placed))
        following = next(ready, None)
        if following is None:
            circle = ", ".join(name for name in names if name not in placed)
            raise SettingsError(f"OAUTH2_SPECS: these require each other: {circle}.")
        placed.append(following)
    return [modules[name] for name in placed]


def _requirements(module: ModuleType) -> tuple[str, ...]:
    requires: tuple[str, ...] = getattr(module, "REQUIRES", ())
    return requires


def _load(name: str) -> ModuleType:
    """Import the module of a specification that isn't built in."""
    if "." not in name:
        raise SettingsError(f"OAUTH2_SPECS: unknown specification {name}. Known: {', '.join(BUILT_IN)}.")
    try:
        module = import_module(name)
    except ImportError as error:
        raise SettingsError(f"OAUTH2_SPECS: {name} can't be imported: {error}.") from error
    if module in SPECS:
        raise SettingsError(f"OAUTH2_SPECS: {name} is built in: write {spec_name(module)}.")
    if not callable(getattr(module, "register", None)):
        raise SettingsError(f"OAUTH2_SPECS: {name} has no function register(server, settings).")
    return module
