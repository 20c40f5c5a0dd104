"""The standalone application, as ``flask run``, Granian and gunicorn find it."""

from website.app import create_app

app = create_app()
