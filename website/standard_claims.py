"""The standard claims about a person (OpenID Connect Core 1.0, section 5.1) and their valid values."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from . import scopes
from .domains import encoded_form, is_read_in_two_ways
from .email_addresses import MAX_EMAIL_CHARACTERS, MAX_EMAIL_KEY_CHARACTERS, as_mailed, email_key, is_email
from .translatable import N_

_BIRTHDATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?\Z")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")
_PHONE = re.compile(r"\+[0-9][0-9 ().-]{4,40}\Z")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]+\Z")
#: The problem of a text with characters that can't be seen.
INVISIBLE_CHARACTERS = N_("This contains invisible characters. Type it again.")
MAX_URL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: its name within a sentence, the message for a malformed value, and its maximum length."""

    label: str
    problem: str = ""
    is_right: Callable[[str], bool] = lambda text: True
    max_characters: int = 255
    #: The field's HTML ``autocomplete`` and ``type``.
    autocomplete: str = "off"
    kind: str = "text"


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.match(text) is not None


_WEB_ADDRESS = N_("Enter a URL, such as https://example.org/ada.")
CLAIMS: Mapping[str, Claim] = {
    "name": Claim(N_("full name"), autocomplete="name"),
    "given_name": Claim(N_("given name"), autocomplete="given-name"),
    "family_name": Claim(N_("family name"), autocomplete="family-name"),
    "middle_name": Claim(N_("middle name"), autocomplete="additional-name"),
    "nickname": Claim(N_("nickname"), autocomplete="nickname"),
    "preferred_username": Claim(N_("preferred username")),
    "email": Claim(
        N_("email address"),
        N_("Enter an email address, such as ada@example.org."),
        is_email,
        MAX_EMAIL_CHARACTERS,
        "email",
        "email",
    ),
    "phone_number": Claim(
        N_("phone number"),
        N_("Include the country code, such as +44 20 7946 0000."),
        _matches(_PHONE),
        50,
        "tel",
        "tel",
    ),
    "profile": Claim(N_("profile page"), _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "url", "url"),
    "picture": Claim(N_("picture"), _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "photo", "url"),
    "website": Claim(N_("website"), _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "url", "url"),
    "gender": Claim(N_("gender"), autocomplete="sex"),
    "birthdate": Claim(
        N_("birthday"), N_("Enter a date such as 1985-12-10, or only the year."), _matches(_BIRTHDATE), 10
    ),
    "zoneinfo": Claim(
        N_("time zone"), N_("Enter a time zone, such as Europe/London."), lambda text: text in _time_zones(), 64
    ),
    "locale": Claim(N_("language"), N_("Enter a language tag, such as en-GB."), _matches(_LOCALE), 35, "language"),
    "street_address": Claim(N_("street address"), autocomplete="street-address"),
    "postal_code": Claim(N_("postal code"), autocomplete="postal-code"),
    "locality": Claim(N_("city"), autocomplete="address-level2"),
    "region": Claim(N_("region"), autocomplete="address-level1"),
    "country": Claim(N_("country"), autocomplete="country-name"),
}
#: The claims that people can edit; applications trust the rest to come from the operator.
EDITABLE_CLAIMS = tuple(name for name in CLAIMS if name != "preferred_username")
#: The claims that mark another one as verified, which people can't set themselves.
VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
#: The parts of the claim ``address`` (OpenID Connect Core 1.0, section 5.1.1).
ADDRESS_PARTS = ("street_address", "postal_code", "locality", "region", "country")
#: The claims that each scope value gives access to (section 5.4).
CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}  # fmt: skip


#: Claims that only the protocol may set, now or in future specifications, as applications rely on them.
PROTOCOL_CLAIMS = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),  # RFC 7519, section 4.1
        *("active", "scope", "client_id", "username", "token_type"),  # RFC 7662, section 2.2
        *("auth_time", "acr", "amr", "azp", "nonce", "sid", "at_hash", "c_hash", "s_hash"),  # OpenID Connect
        *("_claim_names", "_claim_sources", "sub_jwk"),  # OpenID Connect Core 1.0, section 5.6.2, and SIOP
        *("cnf", "act", "may_act", "authorization_details", "events"),  # RFC 7800, 8693, 9396, 8417
        *("grant_id", "epochs"),  # our own
    )
)

#: Every claim of a standard scope.
STANDARD_CLAIMS = frozenset(name for names in CLAIMS_OF_SCOPE.values() for name in names)
#: The names of claims on the consent page.
_WORDS = {
    **{name: claim.label for name, claim in CLAIMS.items()},
    "email_verified": N_("whether your email address is verified"),
    "phone_number_verified": N_("whether your phone number is verified"),
    "address": N_("postal address"),
    "updated_at": N_("when your details last changed"),
}


class ClaimsError(ValueError):
    """Some claims are invalid; ``problems`` has the message for each."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = problems


def claims_of_scope(scope: str) -> list[str]:
    """Return the names of the claims that a scope gives access to."""
    return [name for value in scopes.split(scope) for name in CLAIMS_OF_SCOPE.get(value, ())]


def labels_of(names: Iterable[str]) -> list[str]:
    """Return the names of claims as people read them; a claim of somebody else's keeps its technical name."""
    return list(dict.fromkeys(_WORDS.get(name, name) for name in names))


def check_claims(values: Mapping[str, str]) -> dict[str, str | None]:
    """Return the claims as they are stored, an empty one as ``None``. Raises :class:`ClaimsError`."""
    problems: dict[str, str] = {}
    checked: dict[str, str | None] = {}
    for name, value in values.items():
        text = " ".join(value.split(" ")).strip(" ")
        checked[name] = text or None
        claim = CLAIMS[name]
        if len(text) > claim.max_characters:
            problems[name] = N_("Use at most %(count)s characters.", count=claim.max_characters)
        elif not text.isprintable():
            problems[name] = INVISIBLE_CHARACTERS
        elif name == "email" and len(email_key(text)) > MAX_EMAIL_KEY_CHARACTERS:
            problems[name] = N_("That address is too long when normalized.")
        elif name == "email" and "@" in text and is_read_in_two_ways(domain := text.rpartition("@")[2]):
            words = N_(
                "Mail servers read this domain in two ways. Write it as %(domain)s.", domain=encoded_form(domain)
            )
            problems[name] = words
        elif text and not claim.is_right(text):
            problems[name] = claim.problem
        elif text and name == "email":
            checked[name] = as_mailed(text)
    if problems:
        raise ClaimsError(problems)
    return checked


def check_address(text: str) -> str:
    """Return the address to send an email to, as it is stored. Raises ``ClaimsError`` for anything else."""
    address = check_claims({"email": text})["email"]
    if address is None:
        raise ClaimsError({"email": CLAIMS["email"].problem})
    return address
