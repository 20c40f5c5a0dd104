"""Signed values with the time of their signature, by the clock that nodes share instead of each computer's own."""

from __future__ import annotations

from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.serializer import Serializer

from ... import clock


class ClockSigner(TimestampSigner):
    """Accepts values that another node seems to have signed in the future, as its clock may be ahead."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._derived: dict[Any, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        derived = self._derived.get(secret_key)
        if derived is None:
            derived = self._derived[secret_key] = super().derive_key(secret_key)
        return derived

    def get_timestamp(self) -> int:
        return clock.now()

    def unsign(self, signed_value, max_age=None, return_timestamp=False):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, FBT002
        value, signed_at = super().unsign(signed_value, return_timestamp=True)
        age = self.get_timestamp() - int(signed_at.timestamp())
        if max_age is not None and not -clock.SKEW_SECONDS <= age <= max_age:
            raise SignatureExpired(f"The age of the signature is {age} seconds.", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


class TimedSerializer(URLSafeTimedSerializer):
    """Signs values for cookies and form fields."""

    default_signer = ClockSigner
    #: The signer by the serializer's own salt, which keeps the keys that it has derived.
    _own_signer: Any = None

    def make_signer(self, salt: str | bytes | None = None) -> Any:
        if salt not in (None, self.salt):
            return super().make_signer(salt)
        if self._own_signer is None:
            self._own_signer = super().make_signer(salt)
        return self._own_signer

    def dump_payload(self, obj: Any) -> bytes:
        # Without an attempt at compressing: random values don't get shorter.
        return base64_encode(Serializer.dump_payload(self, obj))
