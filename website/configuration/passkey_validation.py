"""The check of the domain that passkeys are bound to."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..hosts import is_host, is_ip_address
from ..settings import Settings

SETTING = "OAUTH2_PASSKEY_RP_ID"


def find_passkey_problems(settings: Settings) -> list[str]:
    """Return a sentence if ``OAUTH2_PASSKEY_RP_ID`` is a domain that no browser would accept."""
    rp_id = settings.passkey_rp_id
    problem = _problem_of(rp_id, settings) if rp_id else ""
    return [f"{SETTING}: {problem}"] if problem else []


def find_passkey_risks(settings: Settings) -> list[str]:
    """Return a sentence if passkeys are shared with other sites, or impossible."""
    host = urlsplit(settings.issuer).hostname or ""
    if not settings.passkeys:
        return []
    if is_ip_address(host):
        return ["OAUTH2_PASSKEYS: is on, but the issuer's host is an IP address, where browsers refuse passkeys."]
    if settings.passkey_rp_id not in ("", host):
        return [
            f"{SETTING}: is {settings.passkey_rp_id}, so every site under it can ask for these passkeys. Browsers"
            " refuse it if it is a public suffix (https://publicsuffix.org), such as co.uk."
        ]
    return []


def _problem_of(rp_id: str, settings: Settings) -> str:
    if settings.demo:
        return "" if rp_id == "localhost" else "leave it out in the demo, where passkeys only work at localhost."
    if is_ip_address(rp_id):
        return "an IP address can't be one: write a domain, or leave it out."
    if not is_host(rp_id) or rp_id != rp_id.lower() or rp_id.endswith("."):
        return "write a domain in lower case, such as example.org, without scheme, port or final dot."
    host = urlsplit(settings.issuer).hostname or ""
    if rp_id == host:
        return ""
    if not host.endswith(f".{rp_id}"):
        return f"{rp_id} is neither the issuer's host, {host}, nor a parent of it."
    if "." not in rp_id:
        return f"{rp_id} is a public suffix, which browsers refuse: write at least one more label."
    return ""
