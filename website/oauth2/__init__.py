"""The protocol: one specification, one file; nothing here knows Flask.

``authorization`` is the current request's server, ``require_oauth`` protects a view, and ``config_oauth`` creates the
server of an application. The other names are for your own specifications, which should import only from
here: the modules inside this package may move.

May use grants and everything below them.
"""

from typing import cast

from sqlalchemy import Engine
from werkzeug.local import LocalProxy

from ..clients import Client
from ..clients.field_checks import FieldCheck
from ..database import Database
from ..grants import AccessToken
from ..grants.storage import TokenUser
from ..grants.tokens import AccessTokenFormat
from ..request_context import current_environ
from ..settings import Settings, SettingsError
from ..users import Account, HostFacts, Users
from .client_authentication import BASIC, NONE, POST
from .endpoint_addresses import ANY, OPEN_TO_ANY, REGISTERED, Address
from .errors import (
    ClientAuthenticationError,
    Form,
    Response,
    ServerError,
    TemporarilyUnavailableError,
    TooManyRequestsError,
    error_response,
    json_error,
    json_response,
)
from .form_encoding import Pairs
from .registry import Registry
from .requests import OAuth2Request
from .resource_protector import current_token, require_oauth
from .response_type_interface import CodeBinding, Given, ResponseType
from .server import AuthorizationServer, current_server
from .spec_interfaces import (
    BesideIDToken,
    ClientAuthenticationMethod,
    ClientSource,
    Handler,
    Holder,
    ReadRequest,
    ResponseMode,
    ResponseParameter,
    TokenValidator,
    WriteIDToken,
)
from .specs import register_specs
from .token_acceptance import LiveToken, TokenRefusedError
from .token_grant import Authorized, TokenGrant

authorization = cast(AuthorizationServer, LocalProxy(current_server))


def config_oauth(
    settings: Settings, engine: Engine, users: Users | None = None, host: HostFacts | None = None
) -> AuthorizationServer:
    """Create the server of an application, with every enabled specification.

    ``users`` are the application's users, by default our own table. ``host`` are the other abilities of an embedding
    application.
    """
    groups_commits = settings.sqlite_synchronous_mode == "FULL"
    database = Database(engine, follows_clock=settings.database_clock, groups_commits=groups_commits)
    server = AuthorizationServer(settings, database, users, host)
    register_specs(server)
    return server


__all__ = [
    "ANY",
    "BASIC",
    "NONE",
    "OPEN_TO_ANY",
    "POST",
    "REGISTERED",
    "AccessToken",
    "AccessTokenFormat",
    "Account",
    "Address",
    "Authorized",
    "CodeBinding",
    "Given",
    "ResponseType",
    "TokenGrant",
    "TokenUser",
    "AuthorizationServer",
    "BesideIDToken",
    "Client",
    "ClientAuthenticationError",
    "ClientAuthenticationMethod",
    "ClientSource",
    "FieldCheck",
    "Form",
    "Handler",
    "Holder",
    "LiveToken",
    "OAuth2Request",
    "Pairs",
    "ReadRequest",
    "Registry",
    "Response",
    "ResponseMode",
    "ResponseParameter",
    "ServerError",
    "Settings",
    "SettingsError",
    "TemporarilyUnavailableError",
    "TokenRefusedError",
    "TokenValidator",
    "TooManyRequestsError",
    "WriteIDToken",
    "authorization",
    "config_oauth",
    "current_environ",
    "current_token",
    "error_response",
    "json_error",
    "json_response",
    "require_oauth",
]
