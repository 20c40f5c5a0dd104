"""Texts that a page can translate, marked where they are written: in constants and below the pages."""

from __future__ import annotations


class Message(str):
    """An English text that a page can show in another language.

    The protocol, commands and logs use it like any other string. A page looks up ``msgid`` in the catalogue of its
    language and fills in ``values``.
    """

    msgid: str
    values: dict[str, object]


def N_(msgid: str, /, **values: object) -> str:
    """Mark a text for the catalogue: return it in English, as a :class:`Message`.

    ``values`` replace ``%(name)s`` in the text; a text with values needs ``%%`` for a percent sign.
    """
    message = Message(msgid % values if values else msgid)
    message.msgid, message.values = msgid, values
    return message
