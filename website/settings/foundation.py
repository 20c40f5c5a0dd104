"""The basic settings: mode, secrets, keys, database, issuer and proxies."""

from __future__ import annotations

from dataclasses import dataclass

from .option import option


@dataclass(frozen=True)
class FoundationSettings:
    """The basic settings: mode, secrets, keys, database, issuer and proxies."""

    demo: bool = option(
        "OAUTH2_DEMO",
        True,
        "Demo mode: anybody can log in under any name, and every password is `valid`. Defaults to true, or to false"
        " if `WEBSITE_CONF` names a file.",
        security="The demo can only be reached from this computer. Never expose it to others.",
    )
    secret_key: str = option(
        "SECRET_KEY",
        "",
        "Signs the browser's cookie. The demo generates one and stores it in the instance folder.",
        security="Production doesn't start without one of at least 32 characters.",
    )
    key_encryption_key: str = option(
        "OAUTH2_KEY_ENCRYPTION_KEY",
        "",
        "Encrypts the private keys and sealing keys in the database: 32 bytes in base64url. The demo generates one and"
        " stores it in the instance folder.",
        security="If you lose it, you lose every key. It doesn't depend on SECRET_KEY.",
    )
    key_encryption_key_fallbacks: list[str] = option(
        "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS",
        [],
        "Previous key-encryption keys, still used to decrypt what they encrypted.",
    )
    signing_algorithms: list[str] = option(
        "OAUTH2_SIGNING_ALGORITHMS",
        ["ES256", "RS256"],
        "Signature algorithms: `ES256`, `RS256`, `PS256`, `EdDSA` (with Ed25519). Each has its own keys. The first one"
        " signs JWT access tokens, and is used for clients that chose none. After a change run `flask initdb`."
        " Environment: JSON.",
    )
    decryption_algorithms: list[str] = option(
        "OAUTH2_DECRYPTION_ALGORITHMS",
        ["RSA-OAEP-256", "ECDH-ES"],
        "Keys that clients may encrypt their request objects to (:rfc:`9101`): `RSA-OAEP-256`, which also accepts"
        " `RSA-OAEP`, and `ECDH-ES`, which also accepts its variants with a wrapped key. Empty: encrypted request"
        " objects aren't accepted. After a change run `flask initdb`. Environment: JSON.",
    )
    instance_path: str = option(
        "OAUTH2_INSTANCE_PATH",
        "instance",
        "Folder for the default SQLite file and the demo's generated secrets; relative to the working folder.",
        security="Contains secrets: make it readable only by the server's own user.",
    )
    database_uri: str = option(
        "SQLALCHEMY_DATABASE_URI",
        "sqlite:///db.sqlite",
        "The database. SQLite paths without a leading slash are relative to the instance folder. For PostgreSQL:"
        " `postgresql+psycopg://user:password@host/database`.",
    )
    sqlite_synchronous: str = option(
        "OAUTH2_SQLITE_SYNCHRONOUS",
        "",
        "`FULL`: every acknowledged write is on disk; requests that write at the same time share one commit."
        " `NORMAL`: faster, but a power cut may lose the latest writes, and each request commits for itself. All"
        " processes with the same file need the same value. Empty: NORMAL in the demo, FULL otherwise.",
    )
    database_clock: bool = option(
        "OAUTH2_DATABASE_CLOCK",
        True,
        "Whether a node whose clock differs from PostgreSQL's by one second to five minutes uses PostgreSQL's, so that"
        " all nodes agree on the time.",
    )
    issuer: str = option(
        "OAUTH2_ISSUER",
        "",
        "The issuer identifier, an https URL without query or fragment (:rfc:`8414#section-2`). If it's empty in the"
        " demo, the scheme and host of the request are used.",
        security="Production doesn't start without it, as the Host header can't be trusted.",
    )
    trusted_proxies: int = option(
        "OAUTH2_TRUSTED_PROXIES",
        0,
        "How many reverse proxies in front of the server set `X-Forwarded-For`, `-Proto` and `-Host`.",
        unit="proxies",
        security="With 0 those headers are ignored. Don't count a proxy that passes on the client's own headers.",
    )
    insecure_transport: bool = option(
        "AUTHLIB_INSECURE_TRANSPORT",
        False,
        "Allows plain HTTP. Required in the demo, and forbidden everywhere else.",
        security="Production doesn't start with it: tokens would be sent unencrypted.",
    )

    @property
    def sqlite_synchronous_mode(self) -> str:
        return self.sqlite_synchronous or ("NORMAL" if self.demo else "FULL")
