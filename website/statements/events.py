"""The statements about security events."""

from sqlalchemy import insert

from ..database import Statement
from ..models.event import Event
from .tables import table_of

INSERT_EVENT = Statement(
    insert(table_of(Event)).inline(),
    ("occurred_at", "event", "outcome", "actor", "subject", "client", "address", "request_id", "detail"),
)
