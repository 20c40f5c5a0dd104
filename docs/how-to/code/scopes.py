"""Settings for a demo with an extra scope."""

OAUTH2_DEMO = True
OAUTH2_SCOPES = {
    "profile": "See your username, user ID and profile",
    "notes": "Read your notes",
}
