"""The application that `flask run` serves. WEBSITE_CONF may name its configuration file."""

import os

from website.app import create_app

app = create_app(os.environ.get("WEBSITE_CONF"))
