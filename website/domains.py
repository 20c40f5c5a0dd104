"""Domains with letters outside ASCII, which the two versions of IDNA (:rfc:`3490`, :rfc:`5891`) read differently."""

from __future__ import annotations

import unicodedata

ENCODED_LABEL = "xn--"
#: The letters that only the later version keeps, with the capital form of the first. For ``ß``, the earlier one has
#: ``ss``, which is the domain of somebody else.
TWO_WAY_LETTERS = "ß\u1e9eς\u200c\u200d"


def is_read_in_two_ways(domain: str) -> bool:
    """Tell whether mail to a domain may get to the owner of another one, depending on who sends it."""
    return any(letter in domain for letter in TWO_WAY_LETTERS)


def encoded_form(domain: str) -> str:
    """Return the ASCII form of a domain by the later version of IDNA, in which all read it alike."""
    return ".".join(map(_encoded_label, unicodedata.normalize("NFKC", domain.lower()).split(".")))


def _encoded_label(label: str) -> str:
    return label if label.isascii() else ENCODED_LABEL + label.encode("punycode").decode("ascii")


def mailed_form(domain: str) -> str:
    """Return a domain with the letters of the one that mail is sent to. Raises ``UnicodeError`` for what is none."""
    return domain if domain.isascii() else domain.encode("idna").decode("idna")
