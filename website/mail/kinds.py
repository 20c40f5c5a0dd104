"""The kinds of emails, each with a template in templates/mail/ and the time for which it's worth sending."""

HOUR_SECONDS = 3600
#: A notice may be late: it says when something happened.
NOTICE_SECONDS = 3 * 86400

#: Kinds by name, with the seconds after which an unsent message is dropped.
KINDS = {
    "test": HOUR_SECONDS,
    "password_changed": NOTICE_SECONDS,
}
