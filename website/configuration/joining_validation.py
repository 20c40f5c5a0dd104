"""The checks of the settings for joining and for new passwords."""

from __future__ import annotations

from typing import Any

from ..hosts import is_host
from ..redirect_uris import is_web_address
from ..settings import BY_INVITATION, CLOSED, OPEN_TO_ALL, Settings


def find_joining_problems(settings: Settings) -> list[str]:
    """Return one sentence for each malformed setting of joining or of new passwords."""
    problems = [] if settings.password_score <= 4 else ["OAUTH2_PASSWORD_SCORE: write 0 to 4."]
    if settings.joining not in (CLOSED, BY_INVITATION, OPEN_TO_ALL):
        problems.append(f"OAUTH2_JOINING: write {CLOSED}, {BY_INVITATION} or {OPEN_TO_ALL}.")
    if settings.joining == OPEN_TO_ALL and not settings.smtp_host and not settings.demo:
        problems.append("OAUTH2_JOINING: is open, so OAUTH2_SMTP_HOST has to be set: addresses are verified by email.")
    domains: list[Any] = settings.joining_domains
    problems += [
        f"OAUTH2_JOINING_DOMAINS: {domain!r} is not a domain, such as example.org."
        for domain in domains
        if not isinstance(domain, str) or not is_host(domain)
    ]
    if settings.terms_url and not is_web_address(settings.terms_url):
        problems.append("OAUTH2_TERMS_URL: write an https URL.")
    return problems
