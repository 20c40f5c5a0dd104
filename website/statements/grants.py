"""The statements about grants and single tokens: writing, rotating, revoking, and whether a token is alive."""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..authentication import AUTHENTICATION_COLUMNS
from ..database import Statement
from .tables import (
    authentication_of,
    grant,
    grants,
    login_lasts,
    of_subject,
    revoked,
    revoked_tokens,
    session,
    subject,
    subjects,
)  # fmt: skip

#: Whose grant it is, by the users table's own id.
READ_GRANT_USER = Statement(
    select(subject.user_id)
    .join_from(grants, subjects, subject.subject == grant.subject)
    .where(grant.id == bindparam("grant_"), grant.client == bindparam("client_"))
)
#: The same for a token of the grant, with the claims that were asked for one by one.
READ_GRANT_HOLDER = Statement(
    select(subject.user_id, cast(grant.claims, Text))
    .join_from(grants, subjects, subject.subject == grant.subject)
    .where(grant.id == bindparam("grant_"))
)
GRANT_COLUMNS = (
    "id", "consent", "client", "subject", "grant_type", "scope", *AUTHENTICATION_COLUMNS, "ends_with_session",
    "generation", "rotated_at", "grace_uses", "created_at", "expires_at",
)  # fmt: skip
INSERT_GRANT = Statement(insert(grants).inline(), GRANT_COLUMNS)
#: A grant that ends with its login needs it to be there.
_login_lasts = or_(grant.ends_with_session.is_(False), exists().where(session.id == grant.session, login_lasts))
#: All that a token's life depends on, in one statement over primary keys.
READ_TOKEN_STATE = Statement(
    select(grant.revoked_at, grant.expires_at, subject.token_epoch, revoked.jti, _login_lasts, grant.scope)
    .join_from(grants, subjects, subject.subject == grant.subject)
    .outerjoin(revoked_tokens, revoked.jti == bindparam("jti_"))
    .where(grant.id == bindparam("grant_"))
)
READ_REVOKED_TOKEN = Statement(select(revoked.jti).where(revoked.jti == bindparam("jti_")))
_rotated = (
    grant.subject, grant.scope, of_subject(subject.user_id, grant.subject),
    of_subject(subject.token_epoch, grant.subject), *authentication_of(grant),
)  # fmt: skip
_refreshable = (
    grant.id == bindparam("grant_"),
    grant.generation == bindparam("generation_"),
    grant.revoked_at.is_(None),
    grant.expires_at > bindparam("now"),
    grant.rotated_at > bindparam("idle_since"),
    _login_lasts,
)
READ_REFRESHABLE = Statement(select(grant.id).where(*_refreshable))
#: Rotate: of all who hold generation n, one gets to n + 1.
ROTATE_GRANT = Statement(
    update(grants)
    .where(*_refreshable, grant.client == bindparam("client_"))
    .values(
        generation=grant.generation + 1, rotated_at=bindparam("now"), grace_uses=0, rotated_from=bindparam("network")
    )
    .returning(*_rotated)
)
_is_elsewhere = grant.rotated_from != bindparam("network")


def _running(generations: Column[Any], last: Column[Any], counts: Any) -> ColumnElement[Any]:
    """Return how many generations running, this one included, had such a repeat; each generation counts once."""
    return case(
        (and_(counts, last == grant.generation), generations),
        (and_(counts, last == grant.generation - 1), generations + 1),
        (counts, 1),
        else_=generations,
    )


#: The generation just before the current one, within the grace window and not too often. Never extends that window.
REPEAT_ROTATION = Statement(
    update(grants)
    .where(
        grant.id == bindparam("grant_"),
        grant.client == bindparam("client_"),
        grant.generation == bindparam("generation_") + 1,
        grant.revoked_at.is_(None),
        grant.expires_at > bindparam("now"),
        grant.rotated_at >= bindparam("grace_since"),
        grant.grace_uses < bindparam("grace_limit"),
        _login_lasts,
    )
    .values(
        grace_uses=grant.grace_uses + 1,
        generations_repeated=_running(grant.generations_repeated, grant.repeated_generation, true()),
        repeated_generation=grant.generation,
        generations_repeated_elsewhere=_running(
            grant.generations_repeated_elsewhere, grant.repeated_elsewhere_generation, _is_elsewhere
        ),
        repeated_elsewhere_generation=case(
            (_is_elsewhere, grant.generation), else_=grant.repeated_elsewhere_generation
        ),
    )
    .returning(
        grant.grace_uses,
        grant.generations_repeated,
        grant.generations_repeated_elsewhere,
        case((_is_elsewhere, 1), else_=0),
        *_rotated,
    )
)
MARK_USED_IN_TWO_PLACES = Statement(
    update(grants).where(grant.id == bindparam("grant_")).values(used_in_two_places_at=bindparam("now"))
)
#: What a spent refresh token of this client's says of its grant.
READ_ROTATION = Statement(
    select(grant.subject, grant.generation, grant.rotated_at, grant.revoked_at).where(
        grant.id == bindparam("grant_"), grant.client == bindparam("client_")
    )
)
READ_GRANT_SCOPE = Statement(
    select(grant.scope).where(grant.id == bindparam("grant_"), grant.client == bindparam("client_"))
)
REVOKE_GRANT = Statement(
    update(grants)
    .where(grant.id == bindparam("grant_"), grant.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
REVOKE_GRANTS_TO_CLIENT = Statement(
    update(grants)
    .where(
        grant.subject == bindparam("subject_"),
        grant.client == bindparam("client_"),
        grant.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
#: The same text on SQLite and PostgreSQL: a second revocation of one token changes nothing.
REVOKE_TOKEN = Statement(
    postgresql_insert(revoked_tokens).values(jti=bindparam("jti"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)  # fmt: skip
