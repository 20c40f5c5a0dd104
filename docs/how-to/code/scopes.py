"""The settings of a demo that knows one scope more."""

OAUTH2_DEMO = True
OAUTH2_SCOPES = {
    "profile": "See your user name, user id and profile",
    "notes": "Read your notes",
}
