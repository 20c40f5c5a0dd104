"""The URLs, and the pages behind them."""

from flask import Blueprint, current_app

bp = Blueprint("website", __name__)


@bp.route("/")
def home():
    return current_app.config["GREETING"]
