"""The protocol floor: one specification, one file; nothing here knows Flask.

``authorization`` is the server of the request being served, ``require_oauth`` protects a view, ``config_oauth``
builds the server of an application.
"""

from sqlalchemy import Engine
from werkzeug.local import LocalProxy

from ..database import Database
from ..settings import Settings
from ..users import HostFacts, Users
from .resource_protector import current_token, require_oauth
from .server import AuthorizationServer, current_server
from .specs import register_specs

authorization = LocalProxy(current_server)


def config_oauth(
    settings: Settings, engine: Engine, users: Users | None = None, host: HostFacts | None = None
) -> AuthorizationServer:
    """Build the server of one application, with every specification that the settings switch on.

    ``users`` is whatever answers for the application's users; our own table by default. ``host`` is what an application
    that embeds the provider can do beside that.
    """
    server = AuthorizationServer(settings, Database(engine), users, host)
    register_specs(server)
    return server


__all__ = ["authorization", "config_oauth", "current_token", "require_oauth"]
