"""The checks of the settings for emails."""

from __future__ import annotations

from email.utils import parseaddr

from ..hosts import LOOPBACK_NAMES
from ..settings import NO_TLS, STARTTLS, TLS, Settings
from ..standard_claims import CLAIMS


def find_mail_problems(settings: Settings) -> list[str]:
    """Return one sentence for each malformed or unsafe setting."""
    problems = []
    if settings.smtp_security not in (STARTTLS, TLS, NO_TLS):
        problems.append("OAUTH2_SMTP_SECURITY: write `starttls`, `tls` or `none`.")
    if settings.smtp_port > 65535:
        problems.append("OAUTH2_SMTP_PORT: write 1 to 65535.")
    if settings.smtp_seconds > 300:
        problems.append("OAUTH2_SMTP_SECONDS: write 1 to 300.")
    for name, address in (("OAUTH2_MAIL_FROM", settings.mail_from), ("OAUTH2_MAIL_REPLY_TO", settings.mail_reply_to)):
        if address and not _is_mailbox(address):
            problems.append(f"{name}: write an address, or a name and an address: Example Org <login@example.org>.")
    if not settings.smtp_host:
        return problems
    if not settings.mail_from:
        problems.append("OAUTH2_MAIL_FROM: missing; OAUTH2_SMTP_HOST is set, so set the sender.")
    if any(character.isspace() or character in "/@:" for character in settings.smtp_host.replace("::", "")):
        problems.append("OAUTH2_SMTP_HOST: write a host name without a scheme; the port is OAUTH2_SMTP_PORT.")
    if settings.smtp_security == NO_TLS and settings.smtp_host not in LOOPBACK_NAMES:
        problems.append("OAUTH2_SMTP_SECURITY: `none` is only for an SMTP server on this computer.")
    if bool(settings.smtp_user) != bool(settings.smtp_password):
        problems.append("OAUTH2_SMTP_USER: set OAUTH2_SMTP_USER and OAUTH2_SMTP_PASSWORD, or neither.")
    return problems


def _is_mailbox(address: str) -> bool:
    """Tell whether a text is one address, with or without a name, and is printable."""
    return address.isprintable() and CLAIMS["email"].is_right(parseaddr(address)[1])
