"""The statements about users and their subjects."""

from sqlalchemy import bindparam, select

from ..database import Statement
from .tables import subject, user

READ_USER = Statement(
    select(user.id, user.username, user.disabled_at, user.is_operator).where(user.id == bindparam("id_"))
)
READ_ANY_USER = Statement(select(user.id).limit(1))
READ_ANY_OPERATOR = Statement(select(user.id).where(user.is_operator.is_(True), user.disabled_at.is_(None)).limit(1))
#: What the claims of OpenID Connect are made of.
CLAIM_COLUMNS = (
    "username", "created_at", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
    "preferred_username_assigned",
    "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at", "email",
    "email_verified", "phone_number", "phone_number_verified", "street_address", "postal_code", "locality", "region",
    "country",
)  # fmt: skip
READ_CLAIMS = Statement(select(*(user[name] for name in CLAIM_COLUMNS)).where(user.id == bindparam("id_")))
READ_EMAIL_HOLDER = Statement(select(user.id).where(user.email_key == bindparam("email_key_")))
READ_SUBJECT = Statement(select(subject.subject, subject.token_epoch).where(subject.user_id == bindparam("user_id_")))
#: With a share lock where there are such: whoever raises the epoch waits for the transaction that looked at it.
HOLD_SUBJECT = Statement(
    select(subject.token_epoch, subject.signed_out_at)
    .where(subject.subject == bindparam("subject_"))
    .with_for_update(read=True)
)
READ_USER_ID = Statement(select(subject.user_id).where(subject.subject == bindparam("subject_")))
