"""Re-exports every model, and ``db``, the Flask-SQLAlchemy object of the standalone application.

The one file below routes that imports a Flask extension. The protocol floor is handed an engine and never uses ``db``.
"""

from flask_sqlalchemy import SQLAlchemy

from .authorization_code import OAuth2AuthorizationCode
from .authorization_request import AuthorizationRequest
from .base import Base
from .change import Change
from .client import OAuth2Client, OAuth2ClientOrigin, OAuth2ClientSecret
from .client_logo import ClientLogo
from .client_session import ClientSession
from .consent import Consent
from .event import Event
from .former_key import FormerKey
from .grant import Grant
from .initial_access_token import InitialAccessToken
from .key import Key
from .login_name import LoginName
from .login_session import LoginSession
from .login_throttle import LoginThrottle
from .pairwise_subject import PairwiseSubject
from .password_link import PasswordLink
from .revoked_token import RevokedToken
from .subject import Subject
from .used_jti import UsedJti
from .user import User

db = SQLAlchemy(metadata=Base.metadata)

__all__ = [
    "AuthorizationRequest",
    "Base",
    "Change",
    "ClientLogo",
    "ClientSession",
    "Consent",
    "Event",
    "FormerKey",
    "Grant",
    "InitialAccessToken",
    "Key",
    "LoginName",
    "LoginSession",
    "LoginThrottle",
    "OAuth2AuthorizationCode",
    "OAuth2Client",
    "OAuth2ClientOrigin",
    "OAuth2ClientSecret",
    "PairwiseSubject",
    "PasswordLink",
    "RevokedToken",
    "Subject",
    "UsedJti",
    "User",
    "db",
]
