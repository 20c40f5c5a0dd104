"""The few hot statements, among them those by which a one-time thing is claimed exactly once.

Each is the same on SQLite and PostgreSQL. A claim is one UPDATE with RETURNING, which only one of many rivals wins.
"""

from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    ScalarSelect,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from .database import Statement
from .models.authorization_code import OAuth2AuthorizationCode
from .models.authorization_request import AuthorizationRequest
from .models.base import Base
from .models.change import Change
from .models.client import OAuth2ClientOrigin
from .models.consent import Consent
from .models.event import Event
from .models.grant import Grant
from .models.login_session import LoginSession
from .models.revoked_token import RevokedToken
from .models.subject import Subject
from .models.user import User


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


_codes, _requests, _consents = _table(OAuth2AuthorizationCode), _table(AuthorizationRequest), _table(Consent)
_grants, _sessions, _subjects = _table(Grant), _table(LoginSession), _table(Subject)
_revoked_tokens, _users = _table(RevokedToken), _table(User)
_code, _request, _consent, _grant = _codes.c, _requests.c, _consents.c, _grants.c
_session, _subject, _revoked, _user = _sessions.c, _subjects.c, _revoked_tokens.c, _users.c

READ_CHANGES = Statement(select(func.coalesce(func.sum(Change.counter), 0)))

# --- clients

_origin = _table(OAuth2ClientOrigin).c
#: One row is enough: many clients may share an origin.
READ_ORIGIN = Statement(select(_origin.origin).where(_origin.origin == bindparam("origin_")).limit(literal_column("1")))

# --- users and subjects

READ_USER = Statement(select(_user.id, _user.username, _user.disabled_at).where(_user.id == bindparam("id_")))
#: What the claims of OpenID Connect are made of.
CLAIM_COLUMNS = (
    "username", "created_at", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
    "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at", "email",
    "email_verified", "phone_number", "phone_number_verified", "street_address", "postal_code", "locality", "region",
    "country",
)  # fmt: skip
READ_CLAIMS = Statement(select(*(_user[name] for name in CLAIM_COLUMNS)).where(_user.id == bindparam("id_")))
READ_SUBJECT = Statement(
    select(_subject.subject, _subject.token_epoch).where(_subject.user_id == bindparam("user_id_"))
)
#: With a share lock where there are such: whoever raises the epoch waits for the transaction that looked at it.
HOLD_SUBJECT = Statement(
    select(_subject.token_epoch, _subject.signed_out_at)
    .where(_subject.subject == bindparam("subject_"))
    .with_for_update(read=True)
)
READ_USER_ID = Statement(select(_subject.user_id).where(_subject.subject == bindparam("subject_")))


def _of_subject(column: ColumnElement[Any], subject: Column[Any]) -> ScalarSelect[Any]:
    """Look a column of the subject up within a RETURNING: no second round trip.

    The condition is spelt out: SQLAlchemy writes a RETURNING for SQLite without table names, the subquery in it too,
    and ``subject = subject`` would find whoever comes first.
    """
    same = text(f"{_subjects.name}.subject = {subject.table.name}.{subject.name}")
    return select(column).where(same).scalar_subquery()


# --- authorization codes

CODE_COLUMNS = (
    "code_hash", "client", "subject", "session", "consent", "redirect_uri", "scope", "nonce", "code_challenge",
    "code_challenge_method", "auth_time", "acr", "created_at", "expires_at",
)  # fmt: skip
INSERT_CODE = Statement(insert(_codes).inline(), CODE_COLUMNS)
#: Claim a code for the client that it was issued to. Another client's try touches nothing.
CLAIM_CODE = Statement(
    update(_codes)
    .where(
        _code.code_hash == bindparam("code_hash_"),
        _code.client == bindparam("client_"),
        _code.used_at.is_(None),
    )
    .values(used_at=bindparam("now"), grant=bindparam("grant_"))
    .returning(
        _code.subject, _code.session, _code.consent, _code.redirect_uri, _code.scope, _code.nonce,
        _code.code_challenge, _code.code_challenge_method, _code.auth_time, _code.acr, _code.expires_at,
        _of_subject(_subject.user_id, _code.subject), _of_subject(_subject.token_epoch, _code.subject),
    )
)  # fmt: skip
REFUSE_CODE = Statement(update(_codes).where(_code.code_hash == bindparam("code_hash_")).values({_code.grant: None}))
READ_USED_CODE = Statement(
    select(_code.grant, _code.subject).where(
        _code.code_hash == bindparam("code_hash_"),
        _code.client == bindparam("client_"),
        _code.used_at.is_not(None),
    )
)
#: Whose code and whose grant it is, by the users table's own id.
READ_CODE_USER = Statement(
    select(_subject.user_id)
    .join_from(_codes, _subjects, _subject.subject == _code.subject)
    .where(_code.code_hash == bindparam("code_hash_"), _code.client == bindparam("client_"))
)
READ_GRANT_USER = Statement(
    select(_subject.user_id)
    .join_from(_grants, _subjects, _subject.subject == _grant.subject)
    .where(_grant.id == bindparam("grant_"), _grant.client == bindparam("client_"))
)

# --- grants

GRANT_COLUMNS = (
    "id", "consent", "client", "subject", "session", "grant_type", "scope", "nonce", "auth_time", "acr",
    "generation", "rotated_at", "grace_uses", "created_at", "expires_at",
)  # fmt: skip
INSERT_GRANT = Statement(insert(_grants).inline(), GRANT_COLUMNS)
_grant_state = (
    _grant.client, _grant.subject, _grant.scope, _grant.generation, _grant.rotated_at, _grant.expires_at,
    _grant.revoked_at,
)  # fmt: skip
#: All that a token's life depends on, in one statement over primary keys.
READ_TOKEN_STATE = Statement(
    select(_grant.revoked_at, _grant.expires_at, _subject.token_epoch, _revoked.jti)
    .join_from(_grants, _subjects, _subject.subject == _grant.subject)
    .outerjoin(_revoked_tokens, _revoked.jti == bindparam("jti_"))
    .where(_grant.id == bindparam("grant_"))
)
READ_REVOKED_TOKEN = Statement(select(_revoked.jti).where(_revoked.jti == bindparam("jti_")))
#: Rotate: of all who hold generation n, one gets to n + 1.
ROTATE_GRANT = Statement(
    update(_grants)
    .where(
        _grant.id == bindparam("grant_"),
        _grant.client == bindparam("client_"),
        _grant.generation == bindparam("generation_"),
        _grant.revoked_at.is_(None),
        _grant.expires_at > bindparam("now"),
        _grant.rotated_at > bindparam("idle_since"),
    )
    .values(generation=_grant.generation + 1, rotated_at=bindparam("now"), grace_uses=0)
    .returning(
        _grant.subject,
        _grant.scope,
        _of_subject(_subject.user_id, _grant.subject),
        _of_subject(_subject.token_epoch, _grant.subject),
    )
)
#: The generation just before the current one, within the grace window and not too often.
REPEAT_ROTATION = Statement(
    update(_grants)
    .where(
        _grant.id == bindparam("grant_"),
        _grant.client == bindparam("client_"),
        _grant.generation == bindparam("generation_") + 1,
        _grant.revoked_at.is_(None),
        _grant.expires_at > bindparam("now"),
        _grant.rotated_at >= bindparam("grace_since"),
        _grant.grace_uses < bindparam("grace_limit"),
    )
    .values(grace_uses=_grant.grace_uses + 1)
    .returning(
        _grant.subject,
        _grant.scope,
        _of_subject(_subject.user_id, _grant.subject),
        _of_subject(_subject.token_epoch, _grant.subject),
    )
)
READ_GRANT = Statement(select(*_grant_state).where(_grant.id == bindparam("grant_")))
REVOKE_GRANT = Statement(
    update(_grants)
    .where(_grant.id == bindparam("grant_"), _grant.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
REVOKE_GRANTS_TO_CLIENT = Statement(
    update(_grants)
    .where(
        _grant.subject == bindparam("subject_"),
        _grant.client == bindparam("client_"),
        _grant.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)

# --- single tokens

#: The same text on SQLite and PostgreSQL: a second revocation of one token changes nothing.
REVOKE_TOKEN = Statement(
    postgresql_insert(_revoked_tokens).values(jti=bindparam("jti"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)  # fmt: skip

# --- consent and the requests that wait for it

READ_CONSENT = Statement(
    select(_consent.id, _consent.scope, _consent.expires_at).where(
        _consent.subject == bindparam("subject_"), _consent.client == bindparam("client_")
    )
)
#: A code that waits to be redeemed gives nothing any more.
BURN_CODES_OF_CLIENT = Statement(
    update(_codes)
    .where(
        _code.subject == bindparam("subject_"),
        _code.client == bindparam("client_"),
        _code.used_at.is_(None),
    )
    .values(used_at=bindparam("now"))
)
DELETE_CONSENT = Statement(
    delete(_consents).where(_consent.subject == bindparam("subject_"), _consent.client == bindparam("client_"))
)
#: Take the decision on a request: once, and only from the login that was asked.
CLAIM_REQUEST = Statement(
    update(_requests)
    .where(
        _request.id_hash == bindparam("id_hash_"),
        _request.session == bindparam("session_"),
        _request.used_at.is_(None),
        _request.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
    .returning(_request.id_hash)
)

# --- logins

SESSION_COLUMNS = (
    "id", "token_hash", "subject", "created_at", "auth_time", "last_seen_at", "expires_at", "address", "user_agent",
)  # fmt: skip
INSERT_SESSION = Statement(insert(_sessions).inline(), SESSION_COLUMNS)
READ_SESSION = Statement(
    select(
        _session.id, _session.subject, _subject.user_id, _session.auth_time, _session.last_seen_at, _session.expires_at
    )
    .join_from(_sessions, _subjects, _subject.subject == _session.subject)
    .where(_session.token_hash == bindparam("token_hash_"))
)
READ_SESSION_ID = Statement(select(_session.id).where(_session.id == bindparam("id_")))
TOUCH_SESSION = Statement(
    update(_sessions).where(_session.id == bindparam("id_")).values(last_seen_at=bindparam("now"))
)
END_SESSION = Statement(
    delete(_sessions).where(_session.token_hash == bindparam("token_hash_")).returning(_session.subject)
)
END_SESSION_OF = Statement(
    delete(_sessions).where(_session.id == bindparam("id_"), _session.subject == bindparam("subject_"))
)
#: Beside the one named, those that a subject used last are kept, so many of them.
END_SURPLUS_SESSIONS_OF = Statement(
    delete(_sessions).where(
        _session.id.in_(
            select(_session.id)
            .where(_session.subject == bindparam("subject_"), _session.id != bindparam("id_"))
            .order_by(_session.last_seen_at.desc(), _session.created_at.desc())
            .offset(bindparam("kept", type_=Integer))
        )
    )
)
END_OTHER_SESSIONS_OF = Statement(
    delete(_sessions).where(_session.id != bindparam("id_"), _session.subject == bindparam("subject_"))
)

# --- security events

INSERT_EVENT = Statement(
    insert(_table(Event)).inline(),
    ("occurred_at", "event", "outcome", "actor", "subject", "client", "address", "request_id", "detail"),
)
