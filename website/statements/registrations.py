"""The statements about clients that register themselves."""

from sqlalchemy import and_, bindparam, select, update

from ..database import Statement
from .tables import initial_access_tokens

_token = initial_access_tokens.c
_holds = and_(_token.token_hash == bindparam("token_hash_"), _token.uses_left > 0, _token.expires_at > bindparam("now"))
READ_INITIAL_ACCESS_TOKEN = Statement(select(_token.id).where(_holds))
#: Of all who come with its last use, one changes a row.
USE_INITIAL_ACCESS_TOKEN = Statement(update(initial_access_tokens).where(_holds).values(uses_left=_token.uses_left - 1))
