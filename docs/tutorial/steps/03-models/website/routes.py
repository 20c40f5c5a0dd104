"""The URLs, and the pages behind them."""

from flask import Blueprint
from sqlalchemy import func, select

from .models import User, db

bp = Blueprint("website", __name__)


@bp.route("/")
def home():
    return f"Users: {db.session.scalar(select(func.count(User.id)))}"
