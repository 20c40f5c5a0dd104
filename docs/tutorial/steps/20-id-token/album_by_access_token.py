"""Photo Album, the server of a phone app, done wrong: it logs in anyone who has an access token."""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flask import Flask, request

PROVIDER = os.environ["PROVIDER"]

app = Flask(__name__)


@app.post("/login")
def log_in():
    question = Request(f"{PROVIDER}/api/me", headers={"Authorization": f"Bearer {request.form['access_token']}"})
    try:
        with urlopen(question, timeout=5) as answer:
            user = json.load(answer)
    except HTTPError:
        return "Not logged in.\n", 401
    return f"Hello, user {user['id']}!\n"
