"""The kinds of emails, each with a template in templates/mail/ and the time for which it's worth sending."""

HOUR_SECONDS = 3600
#: A notice may be late: it says when something happened.
NOTICE_SECONDS = 3 * 86400

#: Kinds by name, with the seconds after which an unsent message is dropped.
KINDS = {
    "test": HOUR_SECONDS,
    # Links, which work for an hour.
    "email_verification": HOUR_SECONDS,
    "password_recovery": HOUR_SECONDS,
    "sign_up": HOUR_SECONDS,
    # A link that works for days.
    "invitation": NOTICE_SECONDS,
    # Notices of what was changed.
    "new_device": NOTICE_SECONDS,
    "first_password": NOTICE_SECONDS,
    "password_changed": NOTICE_SECONDS,
    "email_changed": NOTICE_SECONDS,
    "authenticator_app_added": NOTICE_SECONDS,
    "authenticator_app_removed": NOTICE_SECONDS,
    "passkey_added": NOTICE_SECONDS,
    "passkey_removed": NOTICE_SECONDS,
    "recovery_codes_created": NOTICE_SECONDS,
    "recovery_code_used": NOTICE_SECONDS,
    "second_factors_reset": NOTICE_SECONDS,
}
#: Those with a link for an hour, which are deleted when the account's links end, if they have an account.
LINK_KINDS = ("email_verification", "password_recovery", "sign_up")
