"""The settings for emails: the SMTP server that takes them, and their sender."""

from __future__ import annotations

from dataclasses import dataclass

from .option import option

#: How the connection to the SMTP server is protected.
STARTTLS, TLS, NO_TLS = "starttls", "tls", "none"


@dataclass(frozen=True)
class MailSettings:
    """The settings for emails: the SMTP server that takes them, and their sender."""

    smtp_host: str = option(
        "OAUTH2_SMTP_HOST",
        "",
        "The SMTP server that sends this server's emails: notices, and links to verify an address or to set a new"
        " password. Empty: no email is sent, and operators hand out links instead. The demo shows its emails on"
        " `/dev/mail` and sends none.",
    )
    smtp_port: int = option("OAUTH2_SMTP_PORT", 0, "Its port. 0: 587 with `starttls`, 465 with `tls`, 25 with `none`.")
    smtp_security: str = option(
        "OAUTH2_SMTP_SECURITY",
        STARTTLS,
        "`starttls`: the connection changes to TLS before anything is sent. `tls`: it begins with TLS. `none`: plain"
        " text, only to an SMTP server on this computer. Certificates are checked against OAUTH2_OUTBOUND_CA.",
        security="An SMTP server that doesn't offer STARTTLS, or has an invalid certificate, gets no email.",
    )
    smtp_user: str = option("OAUTH2_SMTP_USER", "", "The username at the SMTP server. Empty: no login there.")
    smtp_password: str = option(
        "OAUTH2_SMTP_PASSWORD",
        "",
        "The password at the SMTP server.",
        security="Prefer a file, named by `OAUTH2_SMTP_PASSWORD_FILE`.",
    )
    smtp_seconds: int = option(
        "OAUTH2_SMTP_SECONDS",
        20,
        "How long handing over one email may take. An email that takes longer is tried again later.",
        unit="seconds",
    )
    mail_from: str = option(
        "OAUTH2_MAIL_FROM",
        "",
        "The sender of emails: an address, or a name and an address such as `Example Org <login@example.org>`. Without"
        " a name it's OAUTH2_DISPLAY_NAME. Required if OAUTH2_SMTP_HOST is set.",
        security="Choose an address of a domain whose SPF and DKIM records name your SMTP server, or emails end up as"
        " spam.",
    )
    mail_reply_to: str = option("OAUTH2_MAIL_REPLY_TO", "", "The address that replies go to, if different.")
