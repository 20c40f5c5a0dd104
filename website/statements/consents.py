"""The statements about consents and the authorization requests that wait for one."""

from sqlalchemy import Text, bindparam, cast, delete, select, update

from ..database import Statement
from .tables import code, codes, consent, consents, request, requests

READ_CONSENT = Statement(
    select(consent.id, consent.scope, consent.expires_at, cast(consent.claims, Text), cast(consent.shown, Text)).where(
        consent.subject == bindparam("subject_"), consent.client == bindparam("client_")
    )
)
READ_CONSENT_STAYS_CONNECTED = Statement(select(consent.stays_connected).where(consent.id == bindparam("consent_")))
#: A code that waits to be redeemed gives nothing any more.
BURN_CODES_OF_CLIENT = Statement(
    update(codes)
    .where(
        code.subject == bindparam("subject_"),
        code.client == bindparam("client_"),
        code.used_at.is_(None),
    )
    .values(used_at=bindparam("now"))
)
DELETE_CONSENT = Statement(
    delete(consents).where(consent.subject == bindparam("subject_"), consent.client == bindparam("client_"))
)
#: Give a request that was posted to the first browser that opens it.
BIND_REQUEST = Statement(
    update(requests)
    .where(request.id_hash == bindparam("id_hash_"), request.browser.is_(None), request.session.is_(None))
    .values(browser=bindparam("browser_"))
    .returning(request.id_hash)
)
#: Take the decision on a request: once, and only from the login that was asked.
CLAIM_REQUEST = Statement(
    update(requests)
    .where(
        request.id_hash == bindparam("id_hash_"),
        request.session == bindparam("session_"),
        request.used_at.is_(None),
        request.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
    .returning(request.id_hash)
)
