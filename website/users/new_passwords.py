"""The requirements for new passwords: their length, and how easily they are guessed, as zxcvbn weighs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..deferred_import import DeferredModule
from ..models.user import User
from ..settings import Settings
from ..translatable import N_
from .password_hashing import MAX_PASSWORD_BYTES, PasswordError, check_password, is_too_long, normalise_password

# Their words take a tenth of a second and 10 MiB: only those who set a password pay for them.
matching = DeferredModule("zxcvbn.matching")
scoring = DeferredModule("zxcvbn.scoring")
time_estimates = DeferredModule("zxcvbn.time_estimates")

MIN_PASSWORD_CHARACTERS = 8
#: What is weighed of a password: the work grows with the square of the length. The rest can only make it better.
MAX_WEIGHED_CHARACTERS = 72
#: Characters that stand for the same letter, as in p@ssw0rd. Each is weighed as one of them: trying every combination
#: of them would take seconds.
_SAME_LETTER = str.maketrans("{[<|$@+", "(((!547")
#: The columns with what others know about a person.
PERSONAL = ("username", "name", "given_name", "family_name", "middle_name", "nickname", "email", "phone_number")
MIN_WORD_CHARACTERS = 3
PERSONAL_WORDS = "user_inputs"
TOO_EASY = N_("This password is too easy to guess. Use a few more words, or let a password manager make one.")
#: What is wrong with the longest part of a password that could be guessed, and what would be better.
WEAKNESSES: Mapping[str, str] = {
    PERSONAL_WORDS: N_(
        "This password contains your name, your email address or this server's name, which others try first. Use a few"
        " unrelated words, or let a password manager make one."
    ),
    "passwords": N_(
        "This password is too close to one that many people use. Use a few unrelated words, or let a password manager"
        " make one."
    ),
    "names": N_("A name is easy to guess. Add a few unrelated words, or let a password manager make a password."),
    "words": N_("A common word is easy to guess. Add a few unrelated ones, or let a password manager make a password."),
    "spatial": N_("Neighboring keys are easy to guess. Use a few unrelated words, or let a password manager make one."),
    "repeat": N_(
        "Repetition makes a password no safer. Use a few unrelated words, or let a password manager make one."
    ),
    "sequence": N_(
        "Sequences such as abcd are easy to guess. Use a few unrelated words, or let a password manager make one."
    ),
    "date": N_("Dates and years are easy to guess. Use a few unrelated words, or let a password manager make one."),
}
_DICTIONARIES = {
    PERSONAL_WORDS: PERSONAL_WORDS,
    "passwords": "passwords",
    "male_names": "names",
    "female_names": "names",
    "surnames": "names",
}
_PATTERNS = {"spatial": "spatial", "repeat": "repeat", "sequence": "sequence", "regex": "date", "date": "date"}


class NewPasswords:
    """The requirements of one server for new passwords."""

    def __init__(self, settings: Settings) -> None:
        self._least_score = settings.password_score
        self._server_name = settings.display_name

    def check(self, password: str, user: User, claims: Mapping[str, Any] | None = None) -> None:
        """Raise :class:`PasswordError` if a password is too short, too long or too easily guessed.

        ``user`` is the row of whose it is to be, and ``claims`` are values that the row doesn't have yet.
        """
        normal = normalise_password(password)
        if len(normal.decode("utf-8", "surrogatepass")) < MIN_PASSWORD_CHARACTERS:
            raise PasswordError(N_("Use at least %(count)s characters.", count=MIN_PASSWORD_CHARACTERS))
        if is_too_long(password):
            raise PasswordError(N_("Use at most %(count)s bytes.", count=MAX_PASSWORD_BYTES))
        if normal.lower() == normalise_password(user.username).lower():
            raise PasswordError(N_("The password must not be your username. Choose another one."))
        if len(set(normal)) < 3:
            raise PasswordError(TOO_EASY)
        if self._least_score:
            known_texts = [getattr(user, column) for column in PERSONAL] + [*(claims or {}).values()]
            self._weigh(normal.decode("utf-8", "replace"), [*known_texts, self._server_name])

    def check_change(self, password: str, user: User) -> dict[str, Any]:
        """Check the next password of an account, and return what changes with it in its row besides the hash.

        Where a new password is required, the current one is refused. It never ends the requirement, which may have
        been made since the row was read.
        """
        self.check(password, user)
        is_current = user.password_hash is not None and check_password(password, user.password_hash)
        if is_current and user.password_change_required:
            raise PasswordError(N_("This is the password that you have now. Choose another one."))
        return {} if is_current else {"password_change_required": False}

    def _weigh(self, password: str, known_texts: Iterable[Any]) -> None:
        # Not by the package's own function, which keeps one person's words where the next thread would find them.
        words = {**matching.RANKED_DICTIONARIES, PERSONAL_WORDS: matching.build_ranked_dict(_words_of(known_texts))}
        weighed = password[:MAX_WEIGHED_CHARACTERS].translate(_SAME_LETTER)
        result = scoring.most_guessable_match_sequence(weighed, matching.omnimatch(weighed, words))
        if time_estimates.estimate_attack_times(result["guesses"])["score"] < self._least_score:
            raise PasswordError(_weakness_of(result["sequence"]))


def _words_of(known_texts: Iterable[Any]) -> list[str]:
    """Return the texts in small letters: whole, without what separates their words, and word by word."""
    texts = [text.casefold() for text in known_texts if isinstance(text, str)]
    words_of_texts = [(text, re.split(r"[\W_]+", text)) for text in texts]
    parts = [part for text, words in words_of_texts for part in (text, "".join(words), *words)]
    return [part.translate(_SAME_LETTER) for part in dict.fromkeys(parts) if len(part) >= MIN_WORD_CHARACTERS]


def _weakness_of(sequence: Sequence[Mapping[str, Any]]) -> str:
    """Say what is wrong with the longest part that isn't random."""
    parts = [part for part in sequence if part["pattern"] != "bruteforce"]
    if not parts:
        return TOO_EASY
    longest = max(parts, key=lambda part: len(part["token"]))
    if longest["pattern"] == "dictionary":
        return WEAKNESSES[_DICTIONARIES.get(longest["dictionary_name"], "words")]
    return WEAKNESSES[_PATTERNS[longest["pattern"]]]
