"""The statements about clients: whether any of this process's memory is out of date, and the origins they have."""

from sqlalchemy import bindparam, func, literal_column, select

from ..database import Statement
from ..models.change import Change
from ..models.client import OAuth2Client, OAuth2ClientOrigin
from .tables import table_of

READ_CHANGES = Statement(select(func.coalesce(func.sum(Change.counter), 0)))

_client = table_of(OAuth2Client).c
READ_CLIENT_ID = Statement(select(_client.client_id).where(_client.id == bindparam("id_")))
_origin = table_of(OAuth2ClientOrigin).c
#: One row is enough: many clients may share an origin.
READ_ORIGIN = Statement(select(_origin.origin).where(_origin.origin == bindparam("origin_")).limit(literal_column("1")))
