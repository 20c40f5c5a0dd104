"""The settings without which nothing runs: mode, secrets, database, address."""

from __future__ import annotations

from dataclasses import dataclass

from .option import option


@dataclass(frozen=True)
class FoundationSettings:
    """The settings without which nothing runs: mode, secrets, database, address."""

    demo: bool = option(
        "OAUTH2_DEMO",
        True,
        "The mode. In the demo any name logs in and every password is `valid`. True by default, and false by default"
        " as soon as `WEBSITE_CONF` names a file.",
        security="The demo answers only this machine. Never open it to others.",
    )
    secret_key: str = option(
        "SECRET_KEY",
        "",
        "Signs the browser's cookie. The demo makes one and keeps it in the instance folder.",
        security="Production refuses to start without one of at least 32 characters.",
    )
    key_encryption_key: str = option(
        "OAUTH2_KEY_ENCRYPTION_KEY",
        "",
        "Encrypts the private and sealing keys in the database: 32 bytes as base64url. The demo makes one and keeps"
        " it in the instance folder.",
        security="Losing it loses every key. A changed SECRET_KEY does not touch it.",
    )
    key_encryption_key_fallbacks: list[str] = option(
        "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS",
        [],
        "Former key-encryption keys, still able to open what they closed.",
    )
    signing_algorithms: list[str] = option(
        "OAUTH2_SIGNING_ALGORITHMS",
        ["ES256", "RS256"],
        "The algorithms of signatures: `ES256`, `RS256`, `PS256`, `EdDSA` (with Ed25519). Each has keys of its own; the"
        " first one signs for whoever chose none, and JWT access tokens. After a change run `flask initdb`."
        " Environment: JSON.",
    )
    decryption_algorithms: list[str] = option(
        "OAUTH2_DECRYPTION_ALGORITHMS",
        ["RSA-OAEP-256", "ECDH-ES"],
        "The keys to which clients may encrypt their request objects (:rfc:`9101`): `RSA-OAEP-256`, which takes"
        " `RSA-OAEP` too, and `ECDH-ES`, which takes its variants with a wrapped key. Empty: none are taken. After a"
        " change run `flask initdb`. Environment: JSON.",
    )
    instance_path: str = option(
        "OAUTH2_INSTANCE_PATH",
        "instance",
        "Folder of the default SQLite file and of the secrets that the demo makes; relative to the working folder.",
        security="Holds secrets: readable by the server's own user only.",
    )
    database_uri: str = option(
        "SQLALCHEMY_DATABASE_URI",
        "sqlite:///db.sqlite",
        "Where the data is. SQLite paths without a leading slash are relative to the instance folder. For PostgreSQL:"
        " `postgresql+psycopg://user:password@host/database`.",
    )
    sqlite_synchronous: str = option(
        "OAUTH2_SQLITE_SYNCHRONOUS",
        "",
        "`FULL`: what was acknowledged is on disk. `NORMAL`: faster, a power cut may lose the last moments."
        " Empty: NORMAL in the demo, FULL otherwise.",
    )
    issuer: str = option(
        "OAUTH2_ISSUER",
        "",
        "The issuer identifier, an https URL without query or fragment (:rfc:`8414#section-2`). In the demo empty:"
        " the request's own scheme and host.",
        security="Production refuses to start without it: it never follows a Host header.",
    )
    trusted_proxies: int = option(
        "OAUTH2_TRUSTED_PROXIES",
        0,
        "How many reverse proxies in front may set `X-Forwarded-For`, `-Proto` and `-Host`.",
        unit="proxies",
        security="With 0 those headers are ignored. Never count a proxy that passes on what clients send.",
    )
    insecure_transport: bool = option(
        "AUTHLIB_INSECURE_TRANSPORT",
        False,
        "Lets plain http pass. The demo needs it; nothing else may have it.",
        security="Production refuses to start with it: tokens would travel in clear.",
    )

    @property
    def sqlite_synchronous_mode(self) -> str:
        return self.sqlite_synchronous or ("NORMAL" if self.demo else "FULL")
