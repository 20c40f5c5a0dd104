"""Email addresses: which ones are valid, and the forms in which equivalent ones, or those of one mailbox, are equal."""

from __future__ import annotations

import re
import unicodedata

from .domains import ENCODED_LABEL, is_read_in_two_ways, mailed_form
from .hosts import is_host, is_ip_address

_ATOM = r"[^@.\s<>()\[\],;:\\\"\x00-\x1f\x7f]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
#: What IDNA reads as a dot, so that an address would be another one as it is sent.
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")
MAX_EMAIL_CHARACTERS = 254
#: Longer than an address, as normalization expands some single characters to whole phrases.
MAX_EMAIL_KEY_CHARACTERS = 400


def is_email(text: str) -> bool:
    """Tell whether a text is a dot-atom at the name of a host; without ``=?``, which mail programs decode."""
    local, _, domain = text.rpartition("@")
    if not _LOCAL_PART.match(local) or "=?" in text or _OTHER_DOTS.search(domain) or domain.endswith("."):
        return False
    if is_read_in_two_ways(domain):
        return False
    try:
        host = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return is_host(host) and not is_ip_address(host)


def as_mailed(email: str) -> str:
    """Return an address with the domain that its mail is sent to: what is verified is the address that got it."""
    local, at, domain = email.rpartition("@")
    return local + at + mailed_form(domain)


def mailbox_of(email: str) -> str:
    """Return the normalized form that makes addresses of one mailbox equal.

    Only mail servers know which local parts are the same (RFC 5321, section 2.4): ``email_key`` is the same for some
    that are different people's.
    """
    local, at, domain = email.rpartition("@")
    return local + email_key(at + domain)


def email_key(email: str) -> str:
    """Return the normalized form that makes equivalent email addresses equal: NFKC, casefold, no ``xn--`` domain."""
    key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
    local, at, domain = key.rpartition("@")
    if not at or ENCODED_LABEL not in domain:
        return key
    try:
        return f"{local}@{domain.encode('ascii').decode('idna').casefold()}"
    except UnicodeError:
        return key
