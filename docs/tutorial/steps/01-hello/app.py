"""The application that `flask run` serves."""

from flask import Flask

app = Flask(__name__)


@app.route("/")
def home():
    return "Hello, World!"
