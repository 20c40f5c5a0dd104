"""Owns the standard claims about a person (OpenID Connect Core 1.0, section 5.1): which, and what each takes."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from . import scopes

_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[^@\s<>()\[\],;:\\\"]+\Z")
_BIRTHDATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?\Z")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")
_PHONE = re.compile(r"\+[0-9][0-9 ().-]{4,40}\Z")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]+\Z")
MAX_URL_CHARACTERS = 2000
MAX_EMAIL_CHARACTERS = 254
#: Some single characters stand for a whole phrase, which the key spells out.
MAX_EMAIL_KEY_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: how a form names it, what to say when its value is malformed, and how long it may be."""

    label: str
    problem: str = ""
    is_right: Callable[[str], bool] = lambda text: True
    max_characters: int = 255
    #: HTML's names for the field: what a browser may fill in, and its keyboard.
    autocomplete: str = "off"
    kind: str = "text"


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.match(text) is not None


_WEB_ADDRESS = "Write a web address, such as https://example.org/ada"
CLAIMS: Mapping[str, Claim] = {
    "name": Claim("Full name", autocomplete="name"),
    "given_name": Claim("Given name", autocomplete="given-name"),
    "family_name": Claim("Family name", autocomplete="family-name"),
    "middle_name": Claim("Middle name", autocomplete="additional-name"),
    "nickname": Claim("Nickname", autocomplete="nickname"),
    "preferred_username": Claim("Preferred user name"),
    "email": Claim(
        "Email address",
        "Write an email address, such as ada@example.org",
        _matches(_EMAIL),
        MAX_EMAIL_CHARACTERS,
        "email",
        "email",
    ),
    "phone_number": Claim(
        "Telephone", "Write it with the country's code, such as +44 20 7946 0000", _matches(_PHONE), 50, "tel", "tel"
    ),
    "profile": Claim("Profile page", _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "url", "url"),
    "picture": Claim("Picture", _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "photo", "url"),
    "website": Claim("Web site", _WEB_ADDRESS, _matches(_URL), MAX_URL_CHARACTERS, "url", "url"),
    "gender": Claim("Gender", autocomplete="sex"),
    "birthdate": Claim("Birthday", "Write year, month, day: 1985-12-10, or the year alone", _matches(_BIRTHDATE), 10),
    "zoneinfo": Claim("Time zone", "Write a time zone, such as Europe/London", lambda text: text in _time_zones(), 64),
    "locale": Claim("Language", "Write a language tag, such as en-GB", _matches(_LOCALE), 35, "language"),
    "street_address": Claim("Street and number", autocomplete="street-address"),
    "postal_code": Claim("Postal code", autocomplete="postal-code"),
    "locality": Claim("City", autocomplete="address-level2"),
    "region": Claim("Region", autocomplete="address-level1"),
    "country": Claim("Country", autocomplete="country-name"),
}
#: What people may say of themselves; applications take the rest for what the operator says.
EDITABLE_CLAIMS = tuple(name for name in CLAIMS if name != "preferred_username")
#: Claims that say that another one was verified; a person cannot say so of themselves.
VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
#: The parts of the claim ``address`` (OpenID Connect Core 1.0, section 5.1.1).
ADDRESS_PARTS = ("street_address", "postal_code", "locality", "region", "country")
#: Which claims a client hears of by which scope value (section 5.4).
CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}  # fmt: skip


#: What applications decide by: the protocol says it, now or once it implements what does, and nobody else.
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

#: Every claim that a standard scope gives.
STANDARD_CLAIMS = frozenset(name for names in CLAIMS_OF_SCOPE.values() for name in names)
#: What people read of a claim.
_WORDS = {
    **{name: claim.label for name, claim in CLAIMS.items()},
    "email_verified": "Whether your mail address was verified",
    "phone_number_verified": "Whether your telephone number was verified",
    "address": "Postal address",
    "updated_at": "When your details were changed",
}


class ClaimsError(ValueError):
    """Claims cannot be taken; ``problems`` says by claim what a person should do."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = problems


def claims_of_scope(scope: str) -> list[str]:
    """Return the names of the claims that a granted scope gives."""
    return [name for value in scopes.split(scope) for name in CLAIMS_OF_SCOPE.get(value, ())]


def words_of(names: Iterable[str]) -> str:
    """Return what people read where a client asks for claims one by one."""
    words = dict.fromkeys(_WORDS.get(name, name) for name in names)
    listed = ", ".join(text[:1].lower() + text[1:] for text in words)
    return f"See of your details: {listed}"


def check_claims(values: Mapping[str, str]) -> dict[str, str | None]:
    """Return the claims as they are stored, an empty one as ``None``. Raises :class:`ClaimsError`."""
    problems, checked = {}, {}
    for name, value in values.items():
        text = " ".join(value.split(" ")).strip(" ")
        checked[name] = text or None
        claim = CLAIMS[name]
        if len(text) > claim.max_characters:
            problems[name] = f"At most {claim.max_characters} characters."
        elif not text.isprintable():
            problems[name] = "This has invisible characters in it. Type it anew."
        elif name == "email" and len(email_key(text)) > MAX_EMAIL_KEY_CHARACTERS:
            problems[name] = "That address is too long once it is written out."
        elif text and not claim.is_right(text):
            problems[name] = f"{claim.problem}."
    if problems:
        raise ClaimsError(problems)
    return checked


def email_key(email: str) -> str:
    """Return what two email addresses share that reach one person: NFKC, casefold."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
