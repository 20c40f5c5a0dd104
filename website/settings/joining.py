"""The settings for joining: whether people create their own accounts, and what they accept."""

from __future__ import annotations

from dataclasses import dataclass

from .option import option

#: Who creates accounts: operators alone, or people with an invitation as well.
CLOSED, BY_INVITATION, OPEN_TO_ALL = "closed", "invitation", "open"


@dataclass(frozen=True)
class JoiningSettings:
    """The settings for joining: whether people create their own accounts, and what they accept."""

    joining: str = option(
        "OAUTH2_JOINING",
        CLOSED,
        "`closed`: operators create all accounts. `invitation`: people with an invitation from an operator create their"
        " own. `open`: so does anybody with an email address, to which a link is sent first. The demo has none of this,"
        " as any username can log in there, and an application that embeds the provider has its own accounts.",
        security="Anybody with an invitation's link can use it until it's used up, revoked or expired.",
    )
    joining_domains: list[str] = option(
        "OAUTH2_JOINING_DOMAINS",
        [],
        "Where joining is `open`, the domains of the email addresses with which people may sign up, such as"
        " `example.org`. Subdomains have to be listed. Empty: any domain.",
    )
    terms_url: str = option(
        "OAUTH2_TERMS_URL",
        "",
        "The URL of your terms of use. People who create their own account have to accept them; the time is stored"
        " with the account, and the URL in the event. Change the URL with every version.",
    )
